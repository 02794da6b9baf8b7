// Elements and the few things every view does with them.  Text goes in as text
// nodes, and nothing here or elsewhere parses HTML.

import { problem, t } from './i18n.js';

const ICONS = {
  back: 'M15 5l-7 7 7 7',
  bell: 'M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4',
  clip: 'M8 12l6-6a3 3 0 0 1 5 5l-8 8a5 5 0 0 1-7-7l8-8',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  mail: 'M3 5h18v14H3zM3 7l9 6 9-6',
  search: 'M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l5 5',
  shield: 'M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6zM9 12l2 2 4-4',
  star: 'M12 3l3 6 6 1-4.5 4.5 1 6.5-5.5-3-5.5 3 1-6.5L3 10l6-1z',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  x: 'M6 6l12 12M18 6L6 18',
};

// h('a', { href, class, onclick, … }, children…): false, null and undefined
// leave an attribute or a child out.
export function h(tag, props = {}, ...children) {
  const e = document.createElement(tag);

  for (const [name, value] of Object.entries(props || {})) {
    if (value === false || value === null || value === undefined) {
      continue;
    }
    if (name.startsWith('on')) {
      e.addEventListener(name.slice(2), value);
    } else {
      e.setAttribute(name, value === true ? '' : value);
    }
  }

  return put(e, ...children);
}

// Other children for an element; what is false is left out.
export function put(e, ...children) {
  e.replaceChildren(...children.flat().filter(c => c || c === 0));
  return e;
}

// An address, which may break before the @ and nowhere else if it can.
export const spoken = address => h('span', {}, address.split(/(?=@)/)
  .map(part => h('span', { class: 'part' }, part)));

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS(svg.namespaceURI, 'path');

  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'icon');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

// A button with an icon, a text, or both.
export function button(label, onclick, { sign, show = true, ...props } = {}) {
  return h('button', {
    type: 'button', onclick,
    title: show ? null : label, 'aria-label': show ? null : label, ...props,
  }, sign && icon(sign), show && h('span', {}, label));
}

export const $ = id => document.getElementById(id);

// For screen readers.  The same words twice are two messages.
export function announce(text) {
  $('said').replaceChildren(h('span', {}, text));
}

let hiding;

// A line at the foot of the page, with one thing to do about it at most.
export function toast(text, label, act) {
  const hide = () => $('toast').replaceChildren();

  clearTimeout(hiding);
  announce(text);
  $('toast').replaceChildren(h('div', { class: 'toast' }, h('span', {}, text),
    label && button(label, () => {
      hide();
      act();
    }),
    button(t('close'), hide, { sign: 'x', show: false, class: 'quiet' })));
  hiding = setTimeout(hide, act ? 15000 : 7000);
}

// Runs what may fail; says why it did and what to do.
export async function attempt(work) {
  try {
    return await work();
  } catch (e) {
    toast(problem(e));
    return undefined;
  }
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // no secure origin: the old way
    const area = h('textarea', { class: 'hidden', readonly: true });
    const back = document.activeElement;
    (document.querySelector('dialog[open]') || document.body).append(area);
    area.value = text;
    area.select();
    document.execCommand('copy');
    area.remove();
    back?.focus();
  }
  toast(t('copied'));
}

// Hands a Blob over as a file.
export function save(blob, name) {
  const url = URL.createObjectURL(blob);

  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// A modal dialog; resolves to the value of the button that closed it.
export function dialog(title, content, buttons) {
  return new Promise(resolve => {
    const box = h('dialog', { 'aria-labelledby': 'dialog-title' },
      h('form', { method: 'dialog' },
        h('h2', { id: 'dialog-title' }, title), content,
        h('p', { class: 'buttons' }, buttons.map(([label, value, kind]) =>
          h('button', { value, class: kind }, label)))));

    // The policy of this page forbids forms to be sent.
    box.addEventListener('submit', e => {
      e.preventDefault();
      box.close(e.submitter?.value || '');
    });
    box.addEventListener('close', () => {
      box.remove();
      resolve(box.returnValue);
    });
    document.body.append(box);
    box.showModal();
  });
}

export const confirm = async (title, text, label) =>
  await dialog(title, h('p', {}, text), [[t('cancel'), ''],
    [label, 'yes', 'danger']]) === 'yes';

// A label around a field.
export const field = (label, input) =>
  h('label', { class: 'field' }, h('span', {}, label), input);

export const select = (props, options, chosen) => h('select', props,
  options.map(([value, label]) =>
    h('option', { value, selected: String(value) === String(chosen) },
      label)));
