// Just enough HTML to press a button: the forms, links and text of one page.

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Character references into characters. */
export const decode = (text) =>
  text.replace(/&(#x[0-9a-f]+|#\d+|[a-z]+);/gi, (whole, name) => {
    if (name.startsWith('#')) return String.fromCodePoint(name[1].toLowerCase() === 'x' ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10));
    return entities[name.toLowerCase()] ?? whole;
  });

/** The attributes of one tag, names in lower case. */
export function attributes(tag) {
  const found = {};
  for (const match of tag.matchAll(/\s([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)) {
    found[match[1].toLowerCase()] = decode(match[2] ?? match[3] ?? match[4] ?? '');
  }
  return found;
}

/** Visible text, on one line. */
export const text = (html) =>
  decode(html.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim();

/** Every form: `{ action, method, fields: [{ name, value, type }], buttons: [{ name, value, label }] }`. */
export function forms(html, base) {
  return [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/gi)].map(([whole]) => {
    const open = attributes(whole.slice(0, whole.indexOf('>') + 1));
    const inputs = [...whole.matchAll(/<input\b[^>]*>/gi)].map(([tag]) => attributes(tag));
    const isButton = (input) => ['submit', 'image', 'button', 'reset'].includes((input.type ?? '').toLowerCase());
    const isUnchecked = (input) => ['radio', 'checkbox'].includes((input.type ?? '').toLowerCase()) && !('checked' in input);
    const buttons = [...whole.matchAll(/<button\b[^>]*>([\s\S]*?)<\/button>/gi)].map(([tag, label]) => ({
      ...attributes(tag.slice(0, tag.indexOf('>') + 1)), label: text(label),
    }));
    return {
      action: new URL(open.action || base, base).href,
      method: (open.method ?? 'get').toUpperCase(),
      fields: inputs.filter((input) => input.name && !isButton(input) && !isUnchecked(input)).map(({ name, value = '', type = 'text' }) => ({ name, value, type })),
      choices: inputs.filter((input) => input.type === 'radio'),
      buttons: [...buttons, ...inputs.filter(isButton).map((input) => ({ ...input, label: input.value ?? '' }))],
    };
  });
}

/** Every link: `{ href, label }`. */
export const links = (html, base) =>
  [...html.matchAll(/<a\b[^>]*>([\s\S]*?)<\/a>/gi)]
    .map(([tag, label]) => ({ href: attributes(tag.slice(0, tag.indexOf('>') + 1)).href, label: text(label) }))
    .filter((link) => link.href !== undefined)
    .map((link) => ({ href: new URL(link.href, base).href, label: link.label }));
