import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PROTOCOL_ERRORS, ProtocolError, type ProtocolErrorCode } from './errors.ts'
import { MAX_FRAME_BYTES } from './frame.ts'
import { nodeProvider } from './node.ts'
import {
  COALESCE_MS,
  JSON_BUCKETS_BYTES,
  PACE,
  padJson,
  padSse,
  SSE_BUCKETS_BYTES,
} from './padding.ts'
import { toProblem } from './problem.ts'
import { SESSION_SECONDS } from './session.ts'

/** The tables and numbers of SPEC.md are those of the code. */
const spec = readFileSync(join(import.meta.dirname, 'SPEC.md'), 'utf8')

function section(number: string): string {
  const heading = new RegExp(`^#+ ${number.replace('.', '\\.')}\\.? `, 'm')
  const start = spec.search(heading)
  expect(start, `section ${number}`).toBeGreaterThan(-1)
  const body = spec.slice(spec.indexOf('\n', start))
  const end = body.search(/^##/m)
  return end === -1 ? body : body.slice(0, end)
}

const rows = (text: string): string[][] =>
  [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) =>
    row.split(' | ').map((cell) => cell.trim()),
  )

/** A frame's prefix and tag. */
const FRAME_BYTES = 20

describe('SPEC', () => {
  test('2: suites by name, KEM and sizes', () => {
    const table = rows(section('2')).slice(1)
    const code = Object.values(nodeProvider.suites)
    expect(code).toHaveLength(2)
    for (const suite of code) {
      const row = table.find(([name]) => name === `\`${suite.name}\``)
      expect(row?.[1]).toContain(`0x${suite.kemId.toString(16).padStart(4, '0')}`)
      expect(row?.slice(2)).toEqual([String(suite.encLength), String(suite.publicKeyLength)])
    }
  })

  test('1.3: the cap of a frame', () => {
    expect(section('1.3')).toContain(MAX_FRAME_BYTES.toLocaleString('en-US'))
  })

  test('3.4: buckets, the time that events share, and what it costs', () => {
    const text = section('3.4')
    const buckets = (kind: string) =>
      rows(text)
        .find(([name]) => name?.startsWith(kind))
        ?.at(-1)
        ?.split(' ')
        .map(Number)
    expect(buckets('JSON')).toEqual([...JSON_BUCKETS_BYTES])
    expect(buckets('SSE')).toEqual([...SSE_BUCKETS_BYTES])
    expect(text).toContain(`within ${COALESCE_MS} ms`)
    const token = padSse(new Uint8Array(250)).length + FRAME_BYTES
    expect(text).toContain(`250 bytes travels as ${token}`)
    const request = padJson(new Uint8Array(1_025)).length + 2 * FRAME_BYTES
    expect(text).toContain(`1,025 bytes as ${request.toLocaleString('en-US')}`)
  })

  test('3.5: what a pace takes', () => {
    const text = section('3.5')
    const most = PACE.mostMs.toLocaleString('en-US')
    expect(text).toContain(`\`${PACE.member}\`, ${PACE.leastMs} to ${most}`)
    expect(text).toContain(`${PACE.frameBytes.toLocaleString('en-US')} bytes every`)
  })

  test('5.1: how long a session lives', () => {
    expect(section('5.1')).toContain(`${SESSION_SECONDS} s`)
  })

  test('11: every refusal with its status, and no code that there is not', () => {
    const told = new Map<string, string>()
    for (const [codes = '', status = ''] of rows(section('11'))) {
      for (const [, code = ''] of codes.matchAll(/`([a-z_]+)`/g)) told.set(code, status)
    }
    // Sound: the table's own keys are the codes.
    const codes = Object.keys(PROTOCOL_ERRORS) as ProtocolErrorCode[]
    // What a reader of answers and key configurations finds: no runner refuses a request so.
    const readers = ['key_config_invalid', 'key_config_unsupported', 'receipt_mismatch']
    expect([...told.keys()].toSorted()).toEqual(
      codes.filter((code) => !readers.includes(code)).toSorted(),
    )
    for (const [code, status] of told) {
      // Sound: the line above compared the keys with the codes.
      const problem = toProblem(new ProtocolError(code as ProtocolErrorCode, ''))
      expect({ code, status }).toEqual({ code, status: String(problem.status) })
    }
  })

  test('16: the coverage table leaves no section out', () => {
    const sections = [...spec.matchAll(/^##+ ([0-9]+(?:\.[0-9]+)?)/gm)].map(
      ([, number = '']) => number,
    )
    const covered = new Set(
      rows(section('16')).flatMap(([numbers = '']) => numbers.split(', ').map((one) => one.trim())),
    )
    const left = sections.filter((number) => {
      const [chapter = ''] = number.split('.')
      const hasParts = sections.some((other) => other.startsWith(`${number}.`))
      return !hasParts && !covered.has(number) && !covered.has(chapter)
    })
    // The table does not cover itself.
    expect(left).toEqual(['16'])
  })
})
