// Push: WebSocket, else Server-Sent Events, else polling.  The first two carry
// the same frames from the same cursor, so nothing is missed in between; what a
// poll has not seen, the cursor brings when push is back.
//
//   frame(f)      takes an event
//   link(state)   hears: live, waiting (for the server), offline, polling
//   poll()        reads the list
//   check()       resolves if the API answers

import { BASE, key } from './api.js';

const POLL = 10000;     // between two polls
const AGAIN = 6;        // polls until push is tried again
const LONGEST = 30000;  // between two attempts
const PATIENCE = 10000; // until a silent connection is given up

export async function listen({ frame, link, poll, check }) {
  let cursor = '', beat = 30, greeted, silence;
  let way = 0, failed = 0, refused = 0;
  let cut;                  // ends what is under way

  const url = () => `${BASE}/events${cursor && `?since=${cursor}`}`;

  ['online', 'offline'].forEach(e => addEventListener(e, () => cut()));

  // Resolves to whether it was cut.
  const sleep = ms => new Promise(done => {
    cut = () => done(true);
    setTimeout(done, ms);
  });

  // Calls off what was to be after the last silence.
  const silent = (ms, then = () => cut()) => {
    clearTimeout(silence);
    silence = setTimeout(then, ms);
  };

  function take(text) {
    const f = JSON.parse(text);

    cursor = f.id ?? cursor;
    beat = f.heartbeat ?? beat;
    if (f.type === 'hello') {
      greeted = true;
      link('live');
    }
    frame(f);
  }

  const socket = () => new Promise(done => {
    const ws = new WebSocket(url(), ['junkmail.v1', `bearer.${key}`]);

    silent(PATIENCE);
    ws.onmessage = e => {
      take(e.data);
      // Scripts do not see the server's pings: after a silence one asks.
      silent(beat * 1000, () => {
        ws.send('{"type":"ping"}');
        silent(PATIENCE);
      });
    };
    ws.onclose = done;
    cut = () => {
      ws.close();
      done();
    };
  });

  async function stream() {
    const control = new AbortController();

    silent(PATIENCE);
    cut = () => control.abort();
    const answer = await fetch(url(), {
      headers: { Authorization: `Bearer ${key}`, Accept: 'text/event-stream' },
      signal: control.signal, cache: 'no-store', credentials: 'omit',
    });
    const pipe = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';

    for (let r; answer.ok && !(r = await pipe.read()).done;) {
      const lines = (text + r.value).split('\n');
      text = lines.pop();
      lines.filter(l => l.startsWith('data:')).forEach(l => take(l.slice(5)));
      // comments of the server are a sign of life, too
      silent(beat * 1000 + PATIENCE);
    }
  }

  async function polls() {
    let n = 0;

    do {
      await poll().then(() => link('polling'), () => link('waiting'));
    } while (++n < AGAIN && !await sleep(POLL));
  }

  // Each way lasts until it ends or is cut.  One that twice says no hello,
  // though the API answers, gives over to the next.
  for (const ways = [socket, stream, polls];;) {
    if (!navigator.onLine) {
      link('offline');
      await sleep(LONGEST);
      failed = 0;
      continue;
    }

    greeted = false;
    await ways[way]().catch(() => {});
    clearTimeout(silence);
    if (ways[way] === polls) {
      way = 0;
    } else if (navigator.onLine) {
      link('waiting');
      failed = greeted ? 0 : failed + 1;
      refused += !greeted && await check().then(() => 1, () => 0);
      if (greeted || refused === 2) {
        way += !greeted;
        refused = failed = 0;
      }
      // not all browsers at once after a restart
      await sleep((0.5 + Math.random() / 2)
        * Math.min(LONGEST, 1000 * 2 ** failed));
    }
  }
}
