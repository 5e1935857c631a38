// What scripts add to the pages; every form works without them.

const JUDGE_AFTER_MS = 250;
const SEND_AGAIN_MS = 3000;

for (const input of document.querySelectorAll('input[type="password"]')) addReveal(input);
for (const input of document.querySelectorAll('input[data-judge]')) judge(input);
for (const button of document.querySelectorAll('button[data-copies]')) addCopy(button);
for (const form of document.querySelectorAll('form:not([data-passkey])')) sendOnce(form);
for (const time of document.querySelectorAll('time')) tellLocally(time);
if (document.querySelector('form[data-passkey]')) {
  const { enablePasskeys } = await import('./passkeys.js');
  enablePasskeys();
}

/** A button that shows what was typed. */
function addReveal(input) {
  const { show, hide } = JSON.parse(document.body.dataset.words ?? '{}');
  if (!show) return;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'reveal';
  button.setAttribute('aria-controls', input.id);
  // A page has several alike: which one it is, is heard with it.
  const [named] = input.labels;
  named.id = `${input.id}-label`;
  button.setAttribute('aria-describedby', named.id);
  const label = () => {
    const hidden = input.type === 'password';
    button.textContent = hidden ? show : hide;
  };
  button.addEventListener('click', () => {
    input.type = input.type === 'password' ? 'text' : 'password';
    label();
  });
  input.form?.addEventListener('submit', () => {
    input.type = 'password';
  });
  label();
  const focused = document.activeElement === input;
  const box = document.createElement('span');
  box.className = 'revealable';
  input.replaceWith(box);
  box.append(input, button);
  if (focused) input.focus();
}

/** What the policy says of a new password, while it is typed. Nothing is sent to anybody but this server. */
function judge(input) {
  const output = document.getElementById(`${input.id}-strength`);
  const words = JSON.parse(output.dataset.words);
  let timer;
  let asked = 0;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    asked++;
    if (input.value === '') {
      output.hidden = true;
      return;
    }
    timer = setTimeout(() => void ask(asked), JUDGE_AFTER_MS);
  });

  async function ask(turn) {
    const { email } = input.dataset;
    const answer = await fetch(new URL('../../password/check', import.meta.url), {
      method: 'POST',
      credentials: 'omit',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ password: input.value, ...(email && { email }) }),
    }).catch(() => null);
    if (turn !== asked) return;
    if (!answer?.ok) {
      // What stands there was said of another password.
      output.hidden = true;
      return;
    }
    const { score, acceptable, issues, advice } = await answer.json();
    if (turn !== asked) return;
    output.hidden = false;
    output.dataset.score = acceptable ? String(score) : '0';
    const bar = document.createElement('span');
    bar.className = 'bar';
    bar.setAttribute('aria-hidden', 'true');
    for (let step = 0; step < 4; step++) bar.append(document.createElement('span'));
    const text = document.createElement('span');
    text.textContent = acceptable
      ? [words.scores[score], ...(score < 3 ? advice.slice(0, 1) : [])].join('. ')
      : issues
          .slice(0, 2)
          .map(({ msg }) => msg)
          .join(' ');
    output.replaceChildren(bar, text);
  }
}

/** A moment on the clock of whoever reads; the server can only tell it in UTC. */
function tellLocally(time) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' });
  time.title = time.textContent;
  time.textContent = format.format(new Date(time.dateTime));
}

/** Copies the text of another element. */
function addCopy(button) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).innerText);
    button.textContent = button.dataset.done;
  });
}

/** A second click on the button of a form that is under way sends nothing. */
function sendOnce(form) {
  let sent = false;
  form.addEventListener('submit', event => {
    if (sent) event.preventDefault();
    sent = true;
    // A form that downloads leaves the page where it is.
    setTimeout(() => {
      sent = false;
    }, SEND_AGAIN_MS);
  });
  // Coming back by the browser's history finds a form that can be sent.
  addEventListener('pageshow', () => {
    sent = false;
  });
}
