// Words, numbers and times in the language of the browser.  A language is a
// file of lang/, and only the one in use is loaded.

const locale = navigator.languages.find(l => /^(en|de|fr|es)\b/i.test(l)) || 'en';
const lang = locale.slice(0, 2).toLowerCase();
const { default: words } = await import(`../lang/${lang}.js`);
const plural = new Intl.PluralRules(lang);

document.documentElement.lang = lang;

// The words for a name; {x} stands for values.x, and of two forms n chooses.
export function t(name, values = {}) {
  let text = words[name] ?? name;

  if (Array.isArray(text)) {
    text = text[plural.select(values.n) === 'one' ? 0 : 1];
  }
  return text.replace(/\{(\w+)\}/g, (_, v) =>
    values[v]?.toLocaleString(locale) ?? '');
}

// What there may be no words for.
export const known = (name, values) => words[name] && t(name, values);

export const problem = e =>
  known(`error ${e.code}`, e) || t('error', { text: e.message });

const unit = (n, name, unitDisplay = 'long', maximumFractionDigits = 0) =>
  new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay,
    maximumFractionDigits }).format(n);

export function bytes(n) {
  const i = n < 1 ? 0 : Math.min(3, Math.floor(Math.log10(n) / 3));

  return unit(n / 1000 ** i, ['byte', 'kilobyte', 'megabyte', 'gigabyte'][i],
    i ? 'short' : 'long', i > 1 ? 1 : 0);
}

export const moment = iso => new Date(iso).toLocaleString(locale,
  { dateStyle: 'full', timeStyle: 'short' });

export function when(iso) {
  const then = new Date(iso), now = new Date();

  return then.toLocaleString(locale,
    then.toDateString() === now.toDateString() ? { timeStyle: 'short' }
      : then.getFullYear() === now.getFullYear() ? { day: 'numeric', month: 'short' }
        : { dateStyle: 'short' });
}

// A length of time, in the largest unit that fits so many times.
export function span(seconds, times = 1) {
  const [name, size] = [['day', 86400], ['hour', 3600], ['minute', 60]]
    .find(([, s]) => seconds >= times * s) || ['minute', 60];

  return unit(Math.max(1, Math.round(seconds / size)), name);
}

export function left(iso) {
  const seconds = (new Date(iso) - Date.now()) / 1000;

  return !iso ? t('for ever') : seconds <= 0 ? t('expired')
    : t('left', { time: span(seconds, 2) });
}
