// The frame around the views: chooses one by the address bar, shows how the
// link is, and says in title, icon and notification that mail has come.

import { $, announce, attempt, button, h } from './dom.js';
import { t } from './i18n.js';
import { go, link, route } from './route.js';
import { begin, on, state, unread } from './state.js';
import * as inbox from './inbox.js';

const VIEWS = {
  account: () => import('./account.js'),
  addresses: () => import('./addresses.js'),
  welcome: () => import('./welcome.js'),
};

let shown = '', view = null, fresh = false, why = '';

async function render() {
  const params = route();
  const name = !state.key ? 'welcome' : VIEWS[params.v] ? params.v : 'inbox';

  header(name);
  if (name === shown) {
    view?.update?.(params);
    return;
  }

  shown = name;
  view?.leave?.();
  view = null;
  const module = name === 'inbox' ? inbox : await attempt(VIEWS[name]);
  if (!module || shown !== name) {
    return;
  }
  $('main').className = name;
  $('main').replaceChildren();
  view = module.show($('main'), params, why);
  why = '';
}

function header(name) {
  const inside = $('top').contains(document.activeElement);
  const nav = (v, label) => h('a', {
    href: link({ v }), 'aria-current': name === (v || 'inbox') && 'page',
  }, label);

  $('top').replaceChildren(h('a', { class: 'brand', href: '#' },
    h('img', { src: 'icon.svg', alt: '', width: 28, height: 28 }),
    'JunkMail'));
  if (!state.key) {
    return;
  }
  $('top').append(
    h('nav', { 'aria-label': t('pages') }, nav('', t('inbox')),
      nav('addresses', t('addresses')), nav('account', t('account'))),
    h('span', { id: 'link', role: 'status' }));
  if (window.Notification?.permission === 'default') {
    $('top').append(button(t('notify me'), async e => {
      const bell = e.currentTarget;
      if (await Notification.requestPermission() !== 'default') {
        bell.remove();
      }
    }, { sign: 'bell', show: false, class: 'quiet' }));
  }
  status();
  if (inside) {
    $('top').querySelector('[aria-current]').focus();
  }
}

function status() {
  const here = $('link'), text = t(`link ${state.link}`);

  if (here && here.textContent !== text) {
    here.className = state.link;
    here.replaceChildren(h('span', {}, text));
  }
}

function mark() {
  const n = state.key ? unread() : 0;

  fresh &&= document.hidden && n > 0;
  document.title = `${fresh ? '● ' : ''}${n ? `(${n}) ` : ''}JunkMail`;

  const icon = document.querySelector('link[rel=icon]');
  const file = n ? 'icon-new.svg' : 'icon.svg';
  if (icon.getAttribute('href') !== file) {
    icon.setAttribute('href', file);
  }
}

function arrived(item) {
  const from = item.fromName || item.from;

  announce(t('new message', { from, subject: item.subject }));
  fresh = true;
  mark();

  if (document.hidden && window.Notification?.permission === 'granted') {
    try {
      const note = new Notification(from, {
        body: item.subject, tag: item.id, icon: 'icon.svg',
      });
      note.onclick = () => {
        window.focus();
        go({ m: item.id });
        note.close();
      };
    } catch {
      // Android has them for service workers only
    }
  }
}

addEventListener('hashchange', render);
document.addEventListener('visibilitychange', mark);
on('in', render);
on('out', reason => {
  why = reason;
  history.replaceState(null, '', '#');
  mark();
  render();
});
on('link', status);
on('addresses', mark);
on('arrived', arrived);

if (state.key) {
  begin();
} else {
  render();
}
