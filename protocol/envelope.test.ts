import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { base64url, hex, utf8 } from '#base/bytes.ts'
import { jcs } from '#base/jcs.ts'
import { type HeaderReader, readEnvelope } from './envelope.ts'
import { decodeHead, encodeHead } from './head.ts'
import { nodeProvider } from './node.ts'
import { codeOf, headInput, random } from './testing/fixtures.ts'
import { webProvider } from './web.ts'

const ENC = hex(random(32))
const HEAD = encodeHead(nodeProvider.texts, headInput(), 'ehbp-x25519').header

const reader =
  (headers: Readonly<Record<string, string | string[]>>): HeaderReader =>
  (name) =>
    headers[name]

const plain = { 'ehbp-encapsulated-key': ENC }
const cocoon = { ...plain, 'x-cocoon-version': '1', 'x-cocoon-head': HEAD }
const session = {
  'x-cocoon-version': '1',
  'x-cocoon-head': HEAD,
  'x-cocoon-session': ENC,
  'x-cocoon-counter': '7',
}

describe('envelope', () => {
  test.each([
    ['ehbp', plain],
    ['cocoon', cocoon],
    ['session', session],
  ] as const)('%s is told by its headers alone', (kind, headers) => {
    for (const provider of [nodeProvider, webProvider]) {
      const envelope = readEnvelope(reader(headers), provider)
      expect(envelope.kind).toBe(kind)
      expect(envelope.suite.name).toBe('ehbp-x25519')
      expect(hex(envelope.enc)).toBe(ENC)
    }
  })

  test('the binding is SHA-256 of the decoded key, or of that and the counter', () => {
    const encHash = createHash('sha256').update(Buffer.from(ENC, 'hex')).digest()
    const counter = Buffer.from('0000000000000007', 'hex')
    const bound = createHash('sha256').update(encHash).update(counter).digest('hex')
    expect(readEnvelope(reader(cocoon), nodeProvider).binding).toBe(encHash.toString('hex'))
    expect(readEnvelope(reader(session), webProvider).binding).toBe(bound)
  })

  test.each([
    ['no key at all', {}],
    ['key twice, joined', { 'ehbp-encapsulated-key': `${ENC}, ${ENC}` }],
    ['key twice, as a list', { 'ehbp-encapsulated-key': [ENC, ENC] }],
    ['key in upper case', { 'ehbp-encapsulated-key': ENC.replace(/.$/, 'F').toUpperCase() }],
    ['key of an odd length', { 'ehbp-encapsulated-key': ENC.slice(1) }],
    ['key with a space', { 'ehbp-encapsulated-key': ` ${ENC}` }],
    ['version stripped from a cocoon body', { ...plain, 'x-cocoon-head': HEAD }],
    ['version stripped from a session body', { ...session, 'x-cocoon-version': [] }],
    ['head stripped', { ...plain, 'x-cocoon-version': '1' }],
    ['head twice', { ...cocoon, 'x-cocoon-head': `${HEAD},${HEAD}` }],
    ['key and session', { ...session, ...plain }],
    ['neither key nor session', { 'x-cocoon-version': '1', 'x-cocoon-head': HEAD }],
    ['no counter', { ...session, 'x-cocoon-counter': [] }],
    ['counter past the end', { ...session, 'x-cocoon-counter': String(2 ** 20) }],
    ['counter in another spelling', { ...session, 'x-cocoon-counter': '07' }],
    ['negative counter', { ...session, 'x-cocoon-counter': '-1' }],
  ] as const)('refuses %s', async (_, headers) => {
    const code = await codeOf(() => readEnvelope(reader(headers as never), nodeProvider))
    expect(code).toBe('header_invalid')
  })

  test('a repetition is named as such, not as a malformed value', () => {
    for (const value of [`${ENC}, ${ENC}`, [ENC, ENC]]) {
      const headers = { 'ehbp-encapsulated-key': value }
      expect(() => readEnvelope(reader(headers), nodeProvider)).toThrow('is repeated')
    }
  })

  test.each([0, 31, 33, 1119, 1121, 1216])('refuses a key of %d bytes', async (length) => {
    const headers = { 'ehbp-encapsulated-key': hex(random(length)) }
    const code = await codeOf(() => readEnvelope(reader(headers), nodeProvider))
    expect(code).toBe('suite_unsupported')
  })

  test.each(['0', '2', '01', 'x', ''])(
    'version %j gets told which versions work',
    async (version) => {
      const headers = { ...cocoon, 'x-cocoon-version': version }
      const code = await codeOf(() => readEnvelope(reader(headers), nodeProvider))
      expect(code).toBe('version_unsupported')
    },
  )
})

describe('head', () => {
  test('canonical bytes are JCS: what the hash is taken over', () => {
    const { canonical, header } = encodeHead(nodeProvider.texts, headInput(), 'ehbp-x25519')
    expect(Buffer.from(canonical).toString()).toBe(
      `{"encoding":"identity","end":true,"maxCost":"1000000","method":"POST","model":"demo-1m","notAfter":1800000060,"pad":true,"path":"/v1/chat/completions","session":"${'ab'.repeat(32)}","suite":"ehbp-x25519"}`,
    )
    expect(decodeHead(webProvider.texts, header).canonical).toEqual(canonical)
    expect(jcs(JSON.parse(Buffer.from(canonical).toString()))).toBe(
      Buffer.from(canonical).toString(),
    )
  })

  const source = Buffer.from(HEAD, 'base64url').toString()
  test.each([
    [
      'another key order',
      source.replace('"encoding":"identity",', '').replace('}', ',"encoding":"identity"}'),
    ],
    ['white space', source.replace(',', ', ')],
    ['a repeated member', source.replace('{', '{"path":"/v1/other",')],
    ['an unknown member', source.replace('}', ',"zz":1}')],
    ['end false', source.replace('"end":true', '"end":false')],
    ['pad false', source.replace('"pad":true', '"pad":false')],
    ['another method', source.replace('POST', 'GET')],
    ['a query in the path', source.replace('completions', 'completions?x=1')],
    ['an amount with a sign', source.replace('1000000"', '-1000000"')],
    ['an escaped spelling', source.replace('demo', '\\u0064emo')],
    ['a number in another spelling', source.replace('1800000060', '1.80000006e9')],
    ['not an object', '[]'],
    ['not JSON', '{'],
  ])('refuses %s', async (_, text) => {
    const code = await codeOf(() => decodeHead(nodeProvider.texts, base64url(utf8(text))))
    expect(['header_invalid', 'message_invalid']).toContain(code)
  })

  test.each([`${HEAD}=`, `${HEAD} `, 'A'.repeat(2049), '%%%', '_w'])(
    'refuses %j as an encoding',
    async (text) => {
      expect(await codeOf(() => decodeHead(nodeProvider.texts, text))).toBe('header_invalid')
    },
  )
})
