// What the address of the page says after its #: the view, and what is mixed in it.

const PAUSE_MS = 400; // browsers allow few changes of the address in a short time

export const VIEWS = ["translate", "mix", "map"];

let timer = 0;

/** {view, fields} of the address; the first view where it names none. */
export function readState() {
  const [view, query] = location.hash.slice(1).split("?");
  return {
    view: VIEWS.includes(view) ? view : VIEWS[0],
    fields: Object.fromEntries(new URLSearchParams(query ?? "")),
  };
}

/** The whole address of a state. */
export function linkTo(view, fields) {
  const url = new URL(location.href);
  url.hash = `${view}?${new URLSearchParams(fields)}`;
  return url.href;
}

/** Puts a state into the address, once it has come to rest, without a step in the history. */
export function keepState(view, fields) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (readState().view === view) history.replaceState(null, "", linkTo(view, fields));
  }, PAUSE_MS);
}
