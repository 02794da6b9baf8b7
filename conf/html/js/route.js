// The address bar: everything that is shown stands behind the #, so that going
// back, reloading and deep links work.  a: address, f: filter, q: search,
// m: mail, v: another page than the inbox.

export const route = () =>
  Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

// A link to `params`; what is empty is left out.
export const link = params => '#' + new URLSearchParams(
  Object.entries(params).filter(([, value]) => value));

export function go(params) {
  location.hash = link(params);
}
