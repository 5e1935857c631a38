/** What is wrong with a page for somebody who cannot see it, or sees it badly. Runs inside the page: it knows nothing else. */
export function pageFaults() {
  const faults = [];
  const all = selector => [...document.querySelectorAll(selector)];
  const named = element => {
    const { outerHTML } = element;
    return outerHTML.slice(0, outerHTML.indexOf('>') + 1).slice(0, 120);
  };
  const visible = element =>
    element.checkVisibility({ visibilityProperty: true }) && element.closest('.visually-hidden, .skip') === null;

  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`wider than the window: ${root.scrollWidth}`);
  if (root.lang === '') faults.push('no language');
  if (document.title.trim() === '') faults.push('no title');
  if (all('main').length !== 1) faults.push('not one main landmark');

  // ARIA11: whoever goes from landmark to landmark comes past all of it.
  for (const element of all('body a[href], button, p').filter(visible))
    if (element.closest('main, nav, header, footer') === null) faults.push(`in no landmark: ${named(element)}`);
  // Wider than its window, and nothing says that it can be moved.
  for (const nav of all('nav')) if (nav.scrollWidth > nav.clientWidth) faults.push(`cut off: ${nav.scrollWidth}`);

  const levels = all('h1, h2, h3, h4').filter(visible).map(({ tagName }) => Number(tagName[1]));
  if (levels.filter(level => level === 1).length !== 1) faults.push(`headings: ${levels.join()}`);
  if (levels.some((level, at) => level > (levels[at - 1] ?? 0) + 1)) faults.push(`heading skipped: ${levels.join()}`);

  const ids = all('[id]').map(({ id }) => id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`id twice: ${id}`);
  for (const attribute of ['for', 'aria-describedby', 'aria-labelledby', 'aria-controls'])
    for (const element of all(`[${attribute}]`))
      for (const id of element.getAttribute(attribute).split(' '))
        if (!ids.includes(id)) faults.push(`${attribute} leads nowhere: ${named(element)}`);

  for (const input of all('input:not([type=hidden], [aria-hidden])')) {
    if (input.labels.length !== 1) faults.push(`no label: ${named(input)}`);
    const about = (input.getAttribute('aria-describedby') ?? '').split(' ');
    if (input.ariaInvalid === 'true' && !about.some(id => document.getElementById(id)?.matches('.error')))
      faults.push(`its error is not told: ${named(input)}`);
  }
  for (const control of all('a[href], button, summary').filter(visible)) {
    const name = control.getAttribute('aria-label') ?? control.textContent + (control.querySelector('img')?.alt ?? '');
    if (name.trim() === '') faults.push(`no name: ${named(control)}`);
    // WCAG 2.5.3: whoever speaks the visible words must hit it.
    if (!name.includes(control.textContent.trim())) faults.push(`other name than its text: ${named(control)}`);
    // WCAG 2.5.8, but for links in running text.
    const { width, height } = control.getBoundingClientRect();
    const inline = getComputedStyle(control).display === 'inline';
    if (!inline && Math.min(width, height) < 24) faults.push(`small target: ${named(control)}`);
  }
  for (const element of all('[tabindex]'))
    if (element.tabIndex > 0) faults.push(`order of its own: ${named(element)}`);
  for (const element of all('[aria-hidden] a[href], [aria-hidden] button, input[aria-hidden]'))
    if (element.tabIndex >= 0) faults.push(`reachable, though hidden: ${named(element)}`);

  if (matchMedia('(prefers-reduced-motion: reduce)').matches)
    for (const element of all('body *')) {
      const { transitionDuration, animationName } = getComputedStyle(element);
      if (transitionDuration !== '0s' || animationName !== 'none') faults.push(`it moves: ${named(element)}`);
    }

  const blend = ([r, g, b, a], under) => [r, g, b].map((part, at) => part * a + under[at] * (1 - a));
  const parsed = text => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const groundOf = element => {
    const layers = [];
    for (let at = element; at !== null; at = at.parentElement) {
      const layer = parsed(getComputedStyle(at).backgroundColor);
      if (layer[3] > 0) layers.unshift(layer);
    }
    return layers.reduce((under, layer) => blend(layer, under), [255, 255, 255]);
  };
  const luminance = color => {
    const [r, g, b] = color.map(part => {
      const channel = part / 255;
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const readable = (element, color, ground, needed) => {
    const ratio = contrast(blend(parsed(color), ground), ground);
    if (ratio < needed) faults.push(`contrast ${ratio.toFixed(2)}: ${named(element)}`);
  };
  // WCAG 1.4.3: 4.5, and 3 for large text.
  const texts = all('body *').filter(element =>
    [...element.childNodes].some(({ nodeType, data }) => nodeType === Node.TEXT_NODE && data.trim() !== ''),
  );
  for (const element of texts.filter(visible)) {
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const size = Number.parseFloat(fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700);
    readable(element, color, groundOf(element), large ? 3 : 4.5);
  }
  // WCAG 1.4.11: the edge of a field.
  for (const input of all('input:not([type=hidden])').filter(visible))
    readable(input, getComputedStyle(input).borderTopColor, groundOf(input.parentElement), 3);
  return faults;
}
