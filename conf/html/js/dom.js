// Elements.  A view says with h() how things look now, and fill() changes what is
// there into that: focus, scrolling and what was typed stay.  Text goes in as
// text nodes; nothing here or elsewhere parses HTML.

import { problem, t } from './i18n.js';

const ICONS = {
  back: 'M15 5l-7 7 7 7',
  bell: 'M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4',
  clip: 'M8 12l6-6a3 3 0 0 1 5 5l-8 8a5 5 0 0 1-7-7l8-8',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  mail: 'M3 5h18v14H3zM3 7l9 6 9-6',
  shield: 'M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6zM9 12l2 2 4-4',
  star: 'M12 3l3 6 6 1-4.5 4.5 1 6.5-5.5-3-5.5 3 1-6.5L3 10l6-1z',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  x: 'M6 6l12 12M18 6L6 18',
};

export const $ = id => document.getElementById(id);

// h('a.brand', { href, onclick, … }, children…): a tag and its classes, what it
// has (unless nothing) and holds.  What is false, null or undefined is left out.
// What has a data-id is known by it among its sisters.
export function h(name, ...children) {
  const [tag, ...kinds] = name.split('.');
  const props = children[0]?.constructor === Object ? children.shift() : {};
  const e = document.createElementNS(`http://www.w3.org/${
    /^(svg|path)$/.test(tag) ? '2000/svg' : '1999/xhtml'}`, tag);

  e.append(...children.flat(9).filter(Boolean));
  e.props = {};
  dress(e, { class: kinds.join(' ') || false, ...props });
  return e;
}

// What a person changes: set only when what is said of it changes.
const LIVE = ['checked', 'indeterminate', 'style', 'value'];

function dress(e, props) {
  for (const name in { ...e.props, ...props }) {
    const value = props[name];

    if (value === e.props[name]) {
      continue;
    }
    if (name.startsWith('on') || LIVE.includes(name)) {
      e[name] = value ?? null;
    } else if ((value ?? false) === false) {
      e.removeAttribute(name);
    } else {
      e.setAttribute(name, value === true ? '' : value);
    }
  }
  e.props = props;
}

// Gives an element these children, keeping those that it has already.
export function fill(e, ...children) {
  const wanted = children.flat(9).filter(Boolean);
  const ids = new Set(wanted.map(c => c.dataset?.id));

  [...e.children].filter(c => c.dataset.id && !ids.has(c.dataset.id))
    .forEach(c => c.remove());

  wanted.forEach((fresh, i) => {
    const here = e.childNodes[i], id = fresh.dataset?.id;
    const same = c => c?.nodeName === fresh.nodeName && c.dataset?.id === id;
    const old = same(here) ? here : id && [...e.children].find(same);

    if (!old || old !== here) {
      e.insertBefore(old || fresh, here ?? null);
    }
    if (old?.props) {
      fill(old, ...fresh.childNodes);
      dress(old, fresh.props);
    } else if (old && !old.isEqualNode(fresh)) {
      old.replaceWith(fresh);
    }
  });

  while (e.childNodes.length > wanted.length) {
    e.lastChild.remove();
  }
}

export const icon = name => h('svg.icon', { viewBox: '0 0 24 24', 'aria-hidden': 'true' },
  h('path', { d: ICONS[name] }));

export const button = (label, work, kind, props) => h('button',
  { class: kind, onclick: () => attempt(work), ...props }, label);

// One that shows an icon only; the label is its name.
export const tool = (sign, label, work, props) => button(icon(sign), work,
  'quiet', { title: label, ...props });

// A text that a click copies.  An address may break before its @.
export const copier = (text, kind, label) => button(
  [h('span', text.split(/(?=@)/).map(p => h('span.part', p))), icon('copy')],
  () => copy(text), kind, { 'aria-label': label });

// For screen readers.  The same words twice are two messages.
export const announce = text => $('said').replaceChildren(h('span', text));

let hiding;

// A line at the foot of the page, and one thing to do about it.
export function toast(text, label, act) {
  const hide = () => $('toast').replaceChildren();

  clearTimeout(hiding);
  announce(text);
  $('toast').replaceChildren(h('div.toast', h('span', text),
    label && button(label, () => {
      hide();
      return act();
    }), tool('x', t('close'), hide)));
  hiding = setTimeout(hide, label ? 15000 : 7000);
}

// Says why it failed and what to do.
export async function attempt(work) {
  try {
    await work();
  } catch (e) {
    toast(problem(e));
  }
}

// In place of what is not there: it is under way or has failed, why, and a way to
// try again, unless it is gone.
export const trouble = (error, again) => h('div.quietly', error
  ? [h('p', { role: 'alert' }, problem(error)),
    again && error.status !== 404 && button(t('retry'), again)] : t('loading'));

// navigator.clipboard is for secure origins only; this is for all.
export function copy(text) {
  addEventListener('copy', e => {
    e.clipboardData.setData('text/plain', text);
    e.preventDefault();
  }, { once: true });
  document.execCommand('copy');
  toast(t('copied'));
}

export function save(blob, name) {
  const url = URL.createObjectURL(blob);

  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// `work` gets the fields by name, once at a time, however often Enter is pressed.
export const form = (work, label, ...content) => h('form.line', {
  async onsubmit(e) {
    const { target } = e;

    e.preventDefault();
    if (!target.busy) {
      target.busy = true;
      await attempt(() => work(target.elements));
      target.busy = false;
    }
  },
}, content, h('button.primary', label));

// A modal dialog; resolves to whether its main button closed it.
export async function dialog(title, content, label, kind = 'primary') {
  const box = h('dialog', { 'aria-label': title }, h('h2', title), content,
    h('form.line', { method: 'dialog' }, label && h('button', t('cancel')),
      h('button', { class: kind, value: 'yes' }, label || t('done'))));

  document.body.append(box);
  box.showModal();
  await new Promise(done => {
    box.onclose = done;
  });
  box.remove();
  return box.returnValue;
}

export const confirm = async (title, text, work) =>
  await dialog(title, h('p', text), title, 'danger') && work();

export const field = (label, input) => h('label.field', h('span', label), input);

// Links.  The first is what is shown unless another is asked for.
export const nav = (kind, names, shown, to) => h('nav', { class: kind,
  'aria-label': t(kind) }, names.map((name, i) => h('a', { href: to(i && name),
  'aria-current': name === shown && 'true' }, t(name))));

export const select = (props, options) => h('select', props,
  options.map(([value, label]) => h('option', { value }, label)));
