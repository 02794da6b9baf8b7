// The REST API: one function for the answer, one for the JSON in it.  Every
// failure becomes an Error whose code, as the API gives it or NETWORK, the
// languages have words for.

export const BASE = '/api/v1';

let key = '';

export function useKey(value) {
  key = value;
}

const fail = (code, text, more) => {
  throw Object.assign(new Error(text), { code }, more);
};

const unreached = e => fail('NETWORK', String(e));

// The answer as it comes.
export async function request(method, path, body) {
  const answer = await fetch(BASE + path, {
    method, credentials: 'omit', body: body && JSON.stringify(body),
    headers: {
      ...key && { Authorization: `Bearer ${key}` },
      ...body && { 'Content-Type': 'application/json' },
    },
  }).catch(unreached);

  if (answer.ok) {
    return answer;
  }

  const { code = 'INTERNAL', error = answer.statusText, field } =
    await answer.json().catch(() => ({}));
  return fail(code, error, { field, status: answer.status,
    wait: answer.headers.get('Retry-After') || 60 });
}

// What the JSON of the answer holds; it may be cut off after its head.
export const call = async (...what) =>
  (await request(...what)).json().catch(unreached);

export const get = path => call('GET', path);
