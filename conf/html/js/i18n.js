// Words, numbers and times in the language of the browser.  A language is a
// file of lang/, and only the one in use is loaded.

const LANGUAGES = ['en', 'de', 'fr', 'es'];

const wanted = navigator.languages.map(l => l.slice(0, 2).toLowerCase());
const lang = wanted.find(l => LANGUAGES.includes(l)) || 'en';
const locale = navigator.languages.find(l => l.toLowerCase().startsWith(lang))
  || lang;
const { default: words } = await import(`../lang/${lang}.js`);
const plural = new Intl.PluralRules(lang);

document.documentElement.lang = lang;

// The words for a name; {x} stands for values.x, and of two forms n chooses.
export function t(name, values = {}) {
  let text = words[name] ?? name;

  if (Array.isArray(text)) {
    text = text[plural.select(values.n) === 'one' ? 0 : 1];
  }
  return text.replace(/\{(\w+)\}/g, (_, v) => typeof values[v] === 'number'
    ? values[v].toLocaleString(locale) : values[v] ?? '');
}

// What went wrong, and what to do now.
export function problem(e) {
  const name = `error ${e.code}`;

  if (!words[name]) {
    return t('error', { text: e.message });
  }
  return t(name, { field: e.field, wait: e.wait || 60 });
}

export function bytes(n) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const i = n < 1 ? 0 : Math.min(3, Math.floor(Math.log10(n) / 3));

  return new Intl.NumberFormat(locale, {
    style: 'unit', unit: units[i], unitDisplay: i ? 'short' : 'long',
    maximumFractionDigits: i > 1 ? 1 : 0,
  }).format(n / 1000 ** i);
}

// Today the hour, then the day, then the year too.
export function when(iso) {
  const date = new Date(iso), now = new Date();
  const today = date.toDateString() === now.toDateString();

  return new Intl.DateTimeFormat(locale, today
    ? { timeStyle: 'short' }
    : date.getFullYear() === now.getFullYear()
      ? { day: 'numeric', month: 'short' }
      : { dateStyle: 'short' }).format(date);
}

export const moment = iso => new Intl.DateTimeFormat(locale,
  { dateStyle: 'full', timeStyle: 'short' }).format(new Date(iso));

// Of an address: the largest unit that fits twice.
export function left(iso) {
  if (!iso) {
    return t('for ever');
  }

  const seconds = (new Date(iso) - Date.now()) / 1000;
  if (seconds <= 0) {
    return t('expired');
  }

  const [unit, size] = [['day', 86400], ['hour', 3600], ['minute', 60]]
    .find(([, s]) => seconds >= 2 * s) || ['minute', 60];
  return t('left', {
    time: new Intl.NumberFormat(locale, {
      style: 'unit', unit, unitDisplay: 'long',
    }).format(Math.max(1, Math.round(seconds / size))),
  });
}

export const span = seconds => {
  const [unit, size] = [['day', 86400], ['hour', 3600], ['minute', 60]]
    .find(([, s]) => seconds >= s);
  return new Intl.NumberFormat(locale,
    { style: 'unit', unit, unitDisplay: 'long' }).format(seconds / size);
};
