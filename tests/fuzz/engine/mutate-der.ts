import { type Material, mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** A tag with its content: children where it is constructed, or where its content reads as such. */
interface Node {
  tag: number
  content: Bytes | Node[]
}

const CONSTRUCTED = 0x20
const OCTET_STRING = 0x04
const BIT_STRING = 0x03
const MAX_DEPTH = 24
const TAGS = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x17, 0x18, 0x30, 0x31, 0x80, 0xa0, 0xa3,
]

/**
 * Edits the tree of a DER object and writes it again with right lengths: what a parser that only checks lengths would
 * let through. What is no DER is edited as bytes.
 */
export function mutateDer(input: Bytes, material: Material): Bytes {
  const { random } = material
  const roots = readAll(input, 0)
  if (roots === undefined || roots.length === 0 || random.oneIn(3)) {
    return mutateBytes(input, material)
  }
  for (let edits = 1 + random.small(3); edits > 0; edits--) editTree(roots, material)
  const bytes = writeAll(roots, random)
  return bytes.length > material.maxBytes ? input : bytes
}

function editTree(roots: Node[], material: Material): void {
  const { random, other } = material
  const lists = collect(roots)
  const list = random.pick(lists)
  if (list.length === 0) return
  const at = random.int(list.length)
  const node = list[at]
  if (node === undefined) return
  const edits: readonly (() => void)[] = [
    () => list.splice(at, 1),
    () => list.splice(at, 0, structuredClone(node)),
    () => list.splice(random.int(list.length), 1, structuredClone(node)),
    () => list.splice(at, 1, ...list.splice(random.int(list.length), 1), node),
    () => {
      node.tag = random.oneIn(2) ? random.pick(TAGS) : node.tag ^ (1 << random.int(8))
    },
    () => {
      node.content = [structuredClone(node)]
    },
    () => {
      const foreign = readAll(other, 0)
      if (foreign === undefined) return
      const donor = random.pick(collect(foreign))
      const piece = donor[random.int(donor.length)]
      if (piece !== undefined) list[at] = structuredClone(piece)
    },
    ...Array.from({ length: 3 }, () => () => {
      if (!Array.isArray(node.content)) node.content = mutateBytes(node.content, material)
    }),
  ]
  random.pick(edits)()
}

/** Every list of siblings. */
function collect(nodes: Node[]): Node[][] {
  const lists = [nodes]
  for (const { content } of nodes) if (Array.isArray(content)) lists.push(...collect(content))
  return lists
}

/** @returns undefined for what is not a row of whole elements */
function readAll(bytes: Bytes, depth: number): Node[] | undefined {
  const nodes: Node[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0
    const head = readLength(bytes, at + 1)
    if (head === undefined || head.from + head.length > bytes.length) return undefined
    const content = bytes.slice(head.from, head.from + head.length)
    nodes.push({ tag, content: childrenOf(tag, content, depth) ?? content })
    at = head.from + head.length
  }
  return nodes
}

function childrenOf(tag: number, content: Bytes, depth: number): Node[] | undefined {
  const mayNest = (tag & CONSTRUCTED) !== 0 || tag === OCTET_STRING
  if (!mayNest || depth >= MAX_DEPTH || content.length === 0 || tag === BIT_STRING) return undefined
  return readAll(content, depth + 1)
}

function readLength(bytes: Bytes, at: number): { from: number; length: number } | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  if (first < 0x80) return { from: at + 1, length: first }
  const count = first & 0x7f
  if (count === 0 || count > 4 || at + 1 + count > bytes.length) return undefined
  let length = 0
  for (let i = 1; i <= count; i++) length = length * 256 + (bytes[at + i] ?? 0)
  return { from: at + 1 + count, length }
}

function writeAll(nodes: readonly Node[], random: Random): Bytes {
  const parts = nodes.map((node) => writeOne(node, random))
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function writeOne({ tag, content }: Node, random: Random): Bytes {
  const body = Array.isArray(content) ? writeAll(content, random) : content
  const length = writeLength(body.length, random)
  const bytes = new Uint8Array(1 + length.length + body.length)
  bytes[0] = tag
  bytes.set(length, 1)
  bytes.set(body, 1 + length.length)
  return bytes
}

/** The shortest form, as DER wants it; seldom a longer one, or the indefinite one. */
function writeLength(length: number, random: Random): readonly number[] {
  if (random.oneIn(400)) return random.oneIn(4) ? [0x80] : [0x84, 0, 0, length >> 8, length & 0xff]
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  if (length < 0x1_0000) return [0x82, length >> 8, length & 0xff]
  return [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
}
