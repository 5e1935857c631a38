// Forms that a passkey fills. They stay hidden in a browser that knows none.

const known = typeof PublicKeyCredential?.parseRequestOptionsFromJSON === 'function';
let waiting = null;

// A challenge works five minutes, and pages stay open for longer.
const FRESH_MS = 240_000;
const opened = Date.now();

/** Shows the passkey forms of the page, and offers passkeys in its name field. */
export function enablePasskeys() {
  if (!known) return;
  for (const note of document.querySelectorAll('[data-without-passkeys]')) note.hidden = true;
  for (const form of document.querySelectorAll('form[data-passkey]')) {
    form.hidden = false;
    form.addEventListener('submit', event => {
      event.preventDefault();
      void answer(form);
    });
    // What is hidden takes no focus when the page opens.
    if (document.activeElement === document.body) form.querySelector('[autofocus]')?.focus();
    if (form.dataset.passkey === 'get' && form.dataset.optionsFrom && document.querySelector('input[autocomplete~="webauthn"]')) void offer(form);
  }
}

// Waits until somebody chooses a passkey in the name field (conditional mediation).
async function offer(form) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const options = await optionsOf(form).catch(() => null);
  if (options === null) return;
  const offering = new AbortController();
  waiting = offering;
  const renewal = setTimeout(() => {
    offering.abort();
    whenSeen(() => void offer(form));
  }, FRESH_MS);
  const credential = await navigator.credentials
    .get({ publicKey: options, mediation: 'conditional', signal: offering.signal })
    .catch(() => null);
  clearTimeout(renewal);
  if (credential !== null) send(form, credential);
}

// A page that nobody looks at asks for nothing.
function whenSeen(act) {
  if (document.hidden) document.addEventListener('visibilitychange', act, { once: true });
  else act();
}

async function answer(form) {
  // The server refuses what comes too late, and gives a new challenge: a passkey made for the old one would be left over.
  if (!form.dataset.optionsFrom && Date.now() - opened > FRESH_MS) {
    form.submit();
    return;
  }
  const alert = form.querySelector('[role="alert"]');
  const button = form.querySelector('button');
  alert.hidden = true;
  button.disabled = true;
  waiting?.abort();
  try {
    const publicKey = await optionsOf(form);
    const verb = form.dataset.passkey === 'create' ? 'create' : 'get';
    send(form, await navigator.credentials[verb]({ publicKey }));
  } catch {
    alert.hidden = false;
    alert.focus();
    button.disabled = false;
  }
}

async function optionsOf(form) {
  const { passkey, options, optionsFrom, optionsBody } = form.dataset;
  const json = optionsFrom ? await fetched(optionsFrom, optionsBody) : JSON.parse(options);
  return passkey === 'create'
    ? PublicKeyCredential.parseCreationOptionsFromJSON(json)
    : PublicKeyCredential.parseRequestOptionsFromJSON(json);
}

// Only what has a body is about somebody, whom a cookie names.
async function fetched(path, body) {
  const answer = await fetch(
    path,
    body === undefined
      ? { method: 'POST', credentials: 'omit' }
      : { method: 'POST', body, headers: { 'content-type': 'application/json' } },
  );
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()).options;
}

function send(form, credential) {
  form.elements.response.value = JSON.stringify(credential);
  form.submit();
}
