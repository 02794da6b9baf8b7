// The REST API: one function for a call, one for bytes.  Every failure becomes
// an ApiError whose code the languages have words for (i18n.js, `problem`).

export const BASE = '/api/v1';

let key = '';

export function useKey(value) {
  key = value;
}

export class ApiError extends Error {
  constructor(code, text, status, more) {
    super(text);
    Object.assign(this, { code, status }, more);
  }
}

// The answer as it comes; throws an ApiError.
export async function request(method, path, body, headers = {}) {
  let answer;

  if (key) {
    headers.Authorization = `Bearer ${key}`;
  }
  if (body) {
    headers['Content-Type'] = 'application/json';
  }

  try {
    answer = await fetch(BASE + path, {
      method, headers, body: body && JSON.stringify(body),
      credentials: 'omit',
    });
  } catch (e) {
    throw new ApiError('NETWORK', String(e), 0);
  }

  if (answer.ok) {
    return answer;
  }

  const said = await answer.json().catch(() => ({}));
  throw new ApiError(said.code || 'INTERNAL', said.error || answer.statusText,
    answer.status, {
      field: said.field,
      wait: Number(answer.headers.get('Retry-After')) || 0,
    });
}

// What the JSON of the answer holds.
export async function call(method, path, body) {
  try {
    return await (await request(method, path, body)).json();
  } catch (e) {
    // cut off after the head
    throw e instanceof ApiError ? e : new ApiError('NETWORK', String(e), 0);
  }
}

export const get = path => call('GET', path);
