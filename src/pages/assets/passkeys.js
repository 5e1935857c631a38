// Forms that a passkey fills. They stay hidden in a browser that knows none.

const known = typeof PublicKeyCredential?.parseRequestOptionsFromJSON === 'function';
let waiting = null;

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
    if (form.dataset.passkey === 'get' && form.dataset.optionsFrom && document.querySelector('input[autocomplete~="webauthn"]')) void offer(form);
  }
}

// Waits until somebody chooses a passkey in the name field (conditional mediation).
async function offer(form) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const options = await optionsOf(form).catch(() => null);
  if (options === null) return;
  waiting = new AbortController();
  const credential = await navigator.credentials
    .get({ publicKey: options, mediation: 'conditional', signal: waiting.signal })
    .catch(() => null);
  if (credential !== null) send(form, credential);
}

async function answer(form) {
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
