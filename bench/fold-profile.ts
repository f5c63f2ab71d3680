import type { Profiler } from 'node:inspector'

/** A function that was on the stack, with what ran under it. */
export interface Frame {
  readonly name: string
  /** Microseconds in it and below. */
  total: number
  /** Microseconds in it alone. */
  self: number
  readonly children: Map<string, Frame>
}

/** Waiting for something to do is no cost; nor is the profiler. */
const LEFT_OUT = /^\((?:idle|root)\)$|node:inspector|profile-hook/

/** A profile as a tree by name: the same function under the same callers is one frame, whatever its versions. */
export function foldProfile({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((id) => [id, node.id])))
  const root: Frame = newFrame('main thread')
  for (const [i, id] of samples.entries()) {
    const names = stackOf(id, byId, parents)
    if (names.some((name) => LEFT_OUT.test(name))) continue
    const us = timeDeltas[i] ?? 0
    let at = root
    at.total += us
    for (const name of names) {
      at = childOf(at, name)
      at.total += us
    }
    at.self += us
  }
  return root
}

/** Names from the outermost function to the one that ran. */
function stackOf(
  leaf: number,
  byId: ReadonlyMap<number, Profiler.ProfileNode>,
  parents: ReadonlyMap<number, number>,
): readonly string[] {
  const names: string[] = []
  for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) {
    const frame = byId.get(id)?.callFrame
    if (frame !== undefined && frame.functionName !== '(root)') names.push(nameOf(frame))
  }
  return names.reverse()
}

function nameOf({ functionName, url, lineNumber }: Profiler.ProfileNode['callFrame']): string {
  const what = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return what
  const where = url.startsWith('node:')
    ? url
    : url.replace(/^.*node_modules\//, '').replace(CHECKOUT, '')
  return `${what} ${where}:${lineNumber + 1}`
}

const CHECKOUT = `file://${process.cwd()}/`

function newFrame(name: string): Frame {
  return { name, total: 0, self: 0, children: new Map() }
}

function childOf(frame: Frame, name: string): Frame {
  const known = frame.children.get(name)
  if (known !== undefined) return known
  const made = newFrame(name)
  frame.children.set(name, made)
  return made
}
