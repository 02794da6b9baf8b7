// The key, and the REST API that it opens.  Every failure becomes an Error whose
// code, as the API gives it or NETWORK, the languages have words for.

export const BASE = '/api/v1';

const PATIENCE = 20000;   // for what is said
const LONGEST = 600000;   // for a file

// What the browser keeps for us.  It may refuse: then it lasts as long as the page.
export const kept = (() => {
  try {
    localStorage.junkmail = 1;
    return localStorage;
  } catch {
    return {};
  }
})();

export let key = kept['junkmail.key'];

export function enter(value) {
  key = kept['junkmail.key'] = value;
}

// Nothing that was known by the key may stay: the page begins anew, and says why.
// Until then it is as it was, and the first reason counts.
export function forget(why = '') {
  if (kept['junkmail.key']) {
    delete kept['junkmail.key'];
    delete kept['junkmail.saved'];
    location.hash = new URLSearchParams({ why });
    location.reload();
  }
}

// Another tab of this browser has signed in or out.
addEventListener('storage', e => e.key === 'junkmail.key' && location.reload());

const unreached = e => {
  throw Object.assign(new Error(e), { code: 'NETWORK' });
};

async function request(patience, method, path, body, bearer = key) {
  const answer = await fetch(BASE + path, {
    method, credentials: 'omit', body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(patience),
    headers: {
      ...bearer && { Authorization: `Bearer ${bearer}` },
      ...body && { 'Content-Type': 'application/json' },
    },
  }).catch(unreached);
  const { ok, status, statusText, headers } = answer;

  if (ok) {
    return answer;
  }
  if (status === 401 && bearer === key) {
    forget('gone');
  }
  const { code = 'INTERNAL', error = statusText, field } =
    await answer.json().catch(() => ({}));
  throw Object.assign(new Error(error),
    { code, field, status, wait: headers.get('Retry-After') || 60 });
}

// What the JSON of the answer holds.
export const call = async (...what) =>
  (await request(PATIENCE, ...what)).json().catch(unreached);

export const get = (path, bearer) => call('GET', path, null, bearer);

export const file = async path =>
  (await request(LONGEST, 'GET', path)).blob().catch(unreached);
