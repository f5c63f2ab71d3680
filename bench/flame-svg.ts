import type { Frame } from './fold-profile.ts'

const WIDTH = 1_200
const ROW = 15
const TEXT_TOP = 11
const CHARACTER = 6
/** What is narrower than a pixel is no frame that anybody can read. */
const LEAST_PX = 1
const TITLE_ROWS = 2

/** A tree of frames as a picture: width is time, callees stand on their callers. @param per what the time is divided by */
export function flameSvg(root: Frame, title: string, per: number): string {
  const depth = depthOf(root, LEAST_PX * (root.total / WIDTH))
  const height = (depth + TITLE_ROWS) * ROW
  const boxes: string[] = []
  draw(root, 0, 0)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="monospace" font-size="10">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/><text x="4" y="14" font-size="13">${escaped(title)}</text>`,
    ...boxes,
    '</svg>\n',
  ].join('\n')

  function draw(frame: Frame, x: number, level: number): void {
    const width = (frame.total / root.total) * WIDTH
    if (width < LEAST_PX) return
    const y = height - (level + 1) * ROW
    const label = frame.name.slice(0, Math.floor((width - 4) / CHARACTER))
    const text =
      label.length > 2 ? `<text x="${px(x + 2)}" y="${y + TEXT_TOP}">${escaped(label)}</text>` : ''
    const told = `${frame.name}: ${(frame.total / per).toFixed(1)} µs`
    boxes.push(
      `<g><title>${escaped(told)}</title><rect x="${px(x)}" y="${y}" width="${px(width)}" height="${ROW - 1}" fill="${colourOf(frame.name)}"/>${text}</g>`,
    )
    let at = x
    for (const child of widestFirst(frame)) {
      draw(child, at, level + 1)
      at += (child.total / root.total) * WIDTH
    }
  }
}

function depthOf(frame: Frame, least: number): number {
  const below = widestFirst(frame).filter(({ total }) => total >= least)
  return 1 + Math.max(0, ...below.map((child) => depthOf(child, least)))
}

function widestFirst({ children }: Frame): readonly Frame[] {
  return [...children.values()].sort((a, b) => b.total - a.total)
}

/** Ours, our dependencies', the platform's. */
const COLOURS: readonly (readonly [RegExp, string])[] = [
  [/ (?:gateway|protocol|base|contracts)\//, '#f4a259'],
  [/ node:/, '#8cb4d8'],
  [/^\(/, '#cccccc'],
]

function colourOf(name: string): string {
  return COLOURS.find(([pattern]) => pattern.test(name))?.[1] ?? '#a7c957'
}

function px(value: number): string {
  return value.toFixed(1)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
