// The frame around the views: draws the one that the address bar names, and says
// in title, icon and notification that mail has come.

import { $, announce, fill, h, icon, nav, tool } from './dom.js';
import { t } from './i18n.js';
import { key } from './api.js';
import { begin, hooks, link, route, state } from './state.js';
import { account, addresses, welcome } from './account.js';
import { inbox } from './inbox.js';

const VIEWS = [inbox, addresses, account];

let due, fresh = false;

hooks.now = () => {
  const main = $('main'), params = route();
  const view = key ? VIEWS.find(v => v.name === params.v) ?? inbox : welcome;

  clearTimeout(due);
  due = null;
  fill($('top'), header(view.name));
  if (main.className !== view.name) {
    main.className = view.name;
    main.replaceChildren();
  }
  view(main, params);

  const n = state.addresses?.reduce((sum, a) => sum + a.unread, 0);
  fresh &&= document.hidden;
  document.title = `${fresh ? '● ' : ''}${n ? `(${n}) ` : ''}JunkMail`;
  $('icon').href = n ? 'icon-new.svg' : 'icon.svg';
};

// Many events make one picture.
hooks.draw = () => {
  due ??= setTimeout(hooks.now, 16);
};

const header = name => [
  h('a.brand', { href: '#' }, icon('mail'), 'JunkMail'),
  key && [
    nav('pages', VIEWS.map(v => v.name), name, v => link({ v })),
    h('span', { id: 'link', class: state.link, role: 'status' },
      h('span', t(`link ${state.link}`))),
    window.Notification?.permission === 'default' && tool('bell', t('notify me'),
      () => Notification.requestPermission().then(hooks.draw)),
  ],
];

hooks.arrived = ({ id, from, fromName, subject }) => {
  announce(t('new message', { from: fromName || from, subject }));
  fresh = true;
  hooks.draw();

  if (document.hidden && window.Notification?.permission === 'granted') {
    try {
      const note = new Notification(fromName || from,
        { body: subject, tag: id, icon: 'icon.svg' });
      note.onclick = () => {
        window.focus();
        location.hash = link({ m: id });
        note.close();
      };
    } catch {
      // Android has them for service workers only
    }
  }
};

addEventListener('hashchange', hooks.now);
document.addEventListener('visibilitychange', hooks.draw);
// what is left of an address's time
setInterval(hooks.draw, 30000);

hooks.now();
if (key) {
  begin(key);
}
