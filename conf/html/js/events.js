// Push: WebSocket, else Server-Sent Events, else polling.  All carry the same
// frames from the same cursor, so nothing is missed in between.
//
//   listen({ key, frame, link, poll, check })
//     frame(f)      an event of the server
//     link(state)   live, waiting (for the server), offline, polling
//     poll()        read the list again
//     check()       asks the API with the key: resolves if it answers, rejects
//                   with an ApiError
//   → { stop() }

import { BASE } from './api.js';

const POLL = 10000;         // between two polls
const AGAIN = 6;            // polls until push is tried again
const LONGEST = 30000;      // between two attempts

export function listen({ key, frame, link, poll, check }) {
  let cursor = null, way = 0, failed = 0, polls = 0;
  let timer, close = () => {}, stopped = false;

  const query = () => cursor ? `?since=${encodeURIComponent(cursor)}` : '';

  function take(text) {
    const f = JSON.parse(text);

    if (f.id) {
      cursor = f.id;
    }
    if (f.type === 'hello') {
      failed = 0;
      link('live');
    }
    frame(f);
  }

  // Once an attempt or a connection has ended.  A way that has never said
  // hello, though the API answers, gives over to the next.
  async function again(greeted, code) {
    close = () => {};
    if (stopped) {
      return;
    }
    if (!navigator.onLine) {
      link('offline');
      return;
    }
    link('waiting');

    if (!greeted || code === 1008) {
      const answers = await check().then(() => true, e => {
        stopped ||= e.status === 401;
      });
      if (answers && !greeted && ++failed >= 2) {
        failed = 0;
        way = (way + 1) % WAYS.length;
      } else if (!answers) {
        failed++;
      }
    }
    if (!stopped) {
      // not all browsers at once after a restart
      later((0.5 + Math.random() / 2)
        * Math.min(LONGEST, 1000 * 2 ** failed));
    }
  }

  function later(ms) {
    clearTimeout(timer);
    timer = setTimeout(() => WAYS[way](), ms);
  }

  function socket() {
    const url = new URL(`${BASE}/events${query()}`, location);
    url.protocol = url.protocol.replace('http', 'ws');

    const ws = new WebSocket(url, ['junkmail.v1', `bearer.${key}`]);
    let greeted = false, alive, beat = 0, over = false;

    const end = code => {
      if (!over) {
        over = true;
        clearTimeout(alive);
        again(greeted, code);
      }
    };

    // Scripts do not see the server's pings: after a silence one asks.
    const wait = () => {
      clearTimeout(alive);
      alive = setTimeout(() => {
        ws.send('{"type":"ping"}');
        alive = setTimeout(() => {
          ws.close();
          end();
        }, 10000);
      }, beat * 1000);
    };

    ws.onmessage = e => {
      greeted = true;
      beat ||= JSON.parse(e.data).heartbeat || 30;
      wait();
      if (e.data !== '{"type":"pong"}') {
        take(e.data);
      }
    };
    ws.onclose = e => end(e.code);
    close = () => {
      ws.close();
      end();
    };
  }

  async function stream() {
    const cut = new AbortController();
    let greeted = false, text = '';

    close = () => cut.abort();
    try {
      const answer = await fetch(`${BASE}/events${query()}`, {
        headers: { Authorization: `Bearer ${key}`,
             Accept: 'text/event-stream' },
        signal: cut.signal, cache: 'no-store', credentials: 'omit',
      });
      if (answer.ok) {
        const pipe = answer.body
          .pipeThrough(new TextDecoderStream()).getReader();
        for (let r; !(r = await pipe.read()).done;) {
          const lines = (text + r.value).split('\n');
          text = lines.pop();
          for (const line of lines) {
            if (line.startsWith('data:')) {
              greeted = true;
              take(line.slice(5));
            }
          }
        }
      }
    } catch {
      // as if it had ended
    }
    again(greeted);
  }

  async function ask() {
    try {
      await poll();
      link('polling');
    } catch {
      link('waiting');
    }
    if (!stopped && way === 2) {
      if (++polls % AGAIN === 0) {
        way = 0;
      }
      later(POLL);
    }
  }

  const WAYS = [socket, stream, ask];

  const online = () => {
    failed = 0;
    link('waiting');
    later(0);
  };
  const offline = () => {
    clearTimeout(timer);
    close();
    link('offline');
  };

  addEventListener('online', online);
  addEventListener('offline', offline);
  later(0);

  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      close();
      removeEventListener('online', online);
      removeEventListener('offline', offline);
    },
  };
}
