/** What a Markdown page promises by example: its code blocks, the output it says they print, and its links. */

export type Block = { line: number; language: string; info: string; code: string; prints?: string }

/** The fenced blocks of a page; `prints` is the ```text or ```console block that directly follows the word "prints". */
export function blocks(page: string): Block[] {
  const found: Block[] = []
  let between = ''
  for (const [, prose = '', language = '', info = '', code = ''] of page.matchAll(
    /([\s\S]*?)^```(\w*) *(.*)\n([\s\S]*?)^```$/gm,
  )) {
    between += prose
    const last = found.at(-1)
    if (last && /^(text|console)$/.test(language) && /\bprints:?\s*$/.test(prose)) last.prints = code
    found.push({ line: between.split('\n').length, language, info, code })
    between += `\n${code}\n`
  }
  return found
}

/** The headings of a page as the anchors a forge makes of them. */
export function anchors(page: string): string[] {
  const headings = page.replace(/^```[\s\S]*?^```$/gm, '').match(/^#+ .*$/gm) ?? []
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The targets of a page's relative links. */
export function links(page: string): string[] {
  const prose = page.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '``')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target).filter((t) => !/^[a-z]+:/.test(t))
}
