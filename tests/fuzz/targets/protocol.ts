import { type Bytes, concat, hex, utf8 } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import {
  decodeHead,
  encodeHead,
  FrameDecoder,
  formatRecoveryToken,
  formatSubject,
  HEADER,
  isReceiptFrame,
  jsonReceiptFrame,
  marshalKeyConfig,
  newRequestId,
  openAllowance,
  openRequest,
  ProtocolError,
  parseHeartbeatRequest,
  parseKeyConfig,
  parseReceipt,
  parseRecoveryToken,
  parseSubject,
  parseTunnelProof,
  ReplayGuard,
  readEnvelope,
  receiptJson,
  receiptOfFrame,
  SessionTable,
  sealAllowance,
  sealRequest,
  signTunnel,
  sseReceiptFrame,
  verifyHeartbeat,
  verifyReceipt,
  verifyTunnel,
} from '#protocol'
import { nodeProvider } from '#protocol/node'
import {
  type FuzzTarget,
  saysWhatWasSigned,
  staysTheSame,
  target,
  Violation,
} from '../engine/target.ts'
import * as given from './messages.ts'
import { inPieces, jsonBytes, jsonOf, show, textOf } from './texts.ts'

const { texts } = nodeProvider
/** What a check with a public key takes a hundred times as long for. */
const SIGNED_INPUTS = 200_000
const errors = [ProtocolError]
const BODY = utf8(
  JSON.stringify({ model: given.MODEL, messages: [{ role: 'user', content: 'hi' }] }),
)
const HEAD = {
  path: given.PATH,
  model: given.MODEL,
  session: given.SESSION,
  maxCost: nano(1_000_000n),
  notAfter: given.NOW + 60,
}
const KEY_CONFIG = { suite: 'ehbp-x25519', publicKey: given.sealingKey.publicKey } as const
const fixed = (length: number): Bytes => new Uint8Array(length).fill(7)

export async function protocolTargets(): Promise<readonly FuzzTarget[]> {
  const sealed = await sealRequest(nodeProvider, {
    suite: 'ehbp-x25519',
    publicKey: given.sealingKey.publicKey,
    head: HEAD,
    body: BODY,
  })
  const plain = await sealRequest(nodeProvider, {
    suite: 'ehbp-x25519',
    publicKey: given.sealingKey.publicKey,
    body: BODY,
  })
  return [
    ...given.messageTargets(),
    ...textTargets(),
    frames(sealed.body),
    envelope([sealed.headers, plain.headers]),
    allowance(),
    sealedBody(sealed.headers, sealed.body),
    await sealedAnswer(sealed.headers, sealed.body),
    ...signedMessages(),
  ]
}

function textTargets(): readonly FuzzTarget[] {
  const { subject } = given.keyset
  const token = { secret: fixed(32), enc: fixed(32), end: true, commitmentKey: fixed(32) }
  const readToken = (b: Bytes) => parseRecoveryToken(textOf(b))
  const config = marshalKeyConfig([KEY_CONFIG])
  return [
    target({
      name: 'subject',
      file: 'protocol/subject.ts',
      corpus: [utf8(subject)],
      dictionary: ['&', '=', '%', '%2F', '%2f', 'gpu=none', 'model=', '&weights=', '+'],
      errors,
      parse: (b) => parseSubject(textOf(b)),
      // One canonical text: another spelling would be a second meaning of one quote.
      rule: (value, b) => {
        if (formatSubject(value) !== textOf(b)) throw new Violation('took another spelling')
      },
    }),
    target({
      name: 'sealed head',
      file: 'protocol/head.ts',
      grammar: 'json',
      corpus: [encodeHead(texts, HEAD, 'ehbp-x25519').canonical],
      errors,
      parse: (b) => decodeHead(texts, texts.base64url(b)),
      rule: ({ canonical }, b) => {
        if (hex(canonical) !== hex(b)) throw new Violation('took another spelling')
      },
    }),
    target({
      name: 'sealed head, its header',
      file: 'protocol/head.ts',
      corpus: [utf8(encodeHead(texts, HEAD, 'ehbp-x25519').header)],
      errors,
      parse: (b) => decodeHead(texts, textOf(b)),
      rule: ({ header }, b) => {
        if (header !== textOf(b)) throw new Violation('took another spelling')
      },
    }),
    target({
      name: 'key configuration',
      file: 'protocol/key-config.ts',
      corpus: [config, concat(config, config)],
      errors,
      parse: parseKeyConfig,
      rule: staysTheSame((config) => marshalKeyConfig([config]), parseKeyConfig, show),
    }),
    target({
      name: 'recovery token',
      file: 'protocol/recovery-token.ts',
      grammar: 'json',
      corpus: [
        utf8(formatRecoveryToken(token)),
        utf8(formatRecoveryToken({ ...token, end: false })),
      ],
      errors,
      parse: readToken,
      rule: staysTheSame((value) => utf8(formatRecoveryToken(value)), readToken, show),
    }),
    target({
      name: 'receipt frame',
      file: 'protocol/receipt-frame.ts',
      corpus: [sseReceiptFrame(given.receipt), jsonReceiptFrame(given.receipt)],
      dictionary: [': cocoon-receipt ', ',"cocoon_receipt":', '\n\n', '}', '==', '\\u'],
      errors,
      parse: (b) => (isReceiptFrame(b) ? receiptOfFrame(b) : undefined),
    }),
  ]
}

/** Whatever the pieces in which they arrive, the frames are the same, and so is the refusal. */
function frames(body: Bytes): FuzzTarget {
  const cut = (pieces: readonly Uint8Array[]): string => {
    const decoder = new FrameDecoder()
    const found: string[] = []
    try {
      for (const piece of pieces) {
        for (const frame of decoder.push(piece)) found.push(hex(frame))
      }
      decoder.end()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      found.push(error.code)
    }
    return found.join(' ')
  }
  return target({
    name: 'EHBP frames',
    file: 'protocol/frame.ts',
    corpus: [body, concat(fixed(4).fill(0), body, new Uint8Array(8))],
    dictionary: ['\0\0\0\0', '\0\0\0\u0010', '\u0004\0\0\0'],
    errors,
    parse: (b) => cut([b]),
    rule: (whole, b) => {
      if (cut(inPieces(b)) !== whole) throw new Violation('depends on how the bytes were cut')
    },
  })
}

/** Headers as lines `name: value`, a repeated one joined by a comma as Node does. */
function headersOf(bytes: Bytes): (name: string) => string | undefined {
  const found = new Map<string, string>()
  for (const line of textOf(bytes).split('\n')) {
    const at = line.indexOf(': ')
    const [name, value] = [line.slice(0, at), line.slice(at + 2)]
    found.set(name, found.has(name) ? `${found.get(name)}, ${value}` : value)
  }
  return (name) => found.get(name)
}

function linesOf(headers: Readonly<Record<string, string>>): Bytes {
  return utf8(
    Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  )
}

function envelope(all: readonly Readonly<Record<string, string>>[]): FuzzTarget {
  const [cocoon = {}] = all
  const { [HEADER.encapsulatedKey]: key = '', ...others } = cocoon
  const session = { ...others, [HEADER.session]: key, [HEADER.counter]: '5' }
  return target({
    name: 'EHBP headers',
    file: 'protocol/envelope.ts',
    corpus: [...all, session].map(linesOf),
    dictionary: [...Object.values(HEADER).map((name) => `\n${name}: `), ', ', '\n', '0', '1048575'],
    errors,
    parse: (b) => readEnvelope(headersOf(b), nodeProvider),
  })
}

function allowance(): FuzzTarget {
  const key = nodeProvider.hashes.macKey(fixed(32))
  const expected = { binding: '00'.repeat(32), now: given.NOW }
  const header = sealAllowance(
    nodeProvider,
    {
      request: newRequestId(fixed),
      attempt: 1,
      session: given.SESSION,
      enc: expected.binding,
      max_prompt_tokens: 1_000,
      max_completion_tokens: 1_000,
      price: given.PRICE,
      max_cost: nano(1_000n),
      expires: given.NOW + 60,
      ref: 'b3BhcXVl',
    },
    key,
  )
  const open = (text: string) => openAllowance(nodeProvider, text, key, expected)
  return target({
    name: 'allowance, its MAC',
    file: 'protocol/allowance.ts',
    corpus: [utf8(header)],
    dictionary: ['.', '=', '-', '_'],
    errors,
    parse: (b) => open(textOf(b)),
    rule: saysWhatWasSigned([open(header)], show),
  })
}

const facts = {
  path: given.PATH,
  model: given.MODEL,
  session: given.SESSION,
  attempt: 1,
  maxCost: nano(1_000n),
  now: given.NOW,
}

/** A body and its headers as one input: nothing of either can be changed and still open. */
function sealedBody(headers: Readonly<Record<string, string>>, body: Bytes): FuzzTarget {
  const end = utf8('\n\n')
  const open = (input: Bytes, guard: ReplayGuard) => {
    const at = Buffer.from(input).indexOf('\n\n')
    return openRequest(nodeProvider, {
      envelope: readEnvelope(headersOf(input.slice(0, Math.max(0, at))), nodeProvider),
      body: input.subarray(at + end.length),
      keys: {
        sealing: { 'ehbp-x25519': given.sealingKey },
        guard,
        sessions: new SessionTable(guard),
      },
      facts,
    })
  }
  return target({
    name: 'sealed body',
    file: 'protocol/open-request.ts',
    corpus: [concat(linesOf(headers), end, body)],
    errors,
    // A guard of its own: a replay would be refused before anything is looked at.
    parse: (b) => open(b, new ReplayGuard(2)),
    // Spaces that hide its length are no content.
    rule: ({ plaintext }) => {
      if (textOf(plaintext).trimEnd() !== textOf(BODY))
        throw new Violation('opened what nobody sealed')
    },
    inputs: SIGNED_INPUTS,
  })
}

async function sealedAnswer(
  headers: Readonly<Record<string, string>>,
  body: Bytes,
): Promise<FuzzTarget> {
  const guard = new ReplayGuard(2)
  const opened = await openRequest(nodeProvider, {
    envelope: readEnvelope((name) => headers[name], nodeProvider),
    body,
    keys: {
      sealing: { 'ehbp-x25519': given.sealingKey },
      guard,
      sessions: new SessionTable(guard),
    },
    facts,
  })
  const { keys } = opened.respond(fixed(32))
  const sealer = nodeProvider.bodies.sealer(keys)
  const answer = concat(
    sealer.seal(utf8('one')),
    sealer.seal(utf8('two')),
    sealer.seal(utf8('three')),
    sealer.end(),
  )
  return target({
    name: 'sealed answer',
    file: 'protocol/body.ts',
    corpus: [answer],
    errors,
    parse: (b) => {
      const opener = nodeProvider.bodies.opener(keys)
      const text = opener.push(b).map(textOf).join('')
      opener.end()
      return text
    },
    rule: saysWhatWasSigned(['onetwothree'], (text) => text),
  })
}

function signedMessages(): readonly FuzzTarget[] {
  const tunnel = signTunnel(given.tunnelClaim, given.signer)
  return [
    target({
      name: 'receipt, its signature',
      file: 'protocol/receipt.ts',
      grammar: 'json',
      corpus: [jsonBytes(receiptJson(given.receipt))],
      errors,
      parse: async (b) => {
        const receipt = parseReceipt(jsonOf(b), 'receipt')
        await verifyReceipt(receipt, given.keyset, nodeProvider)
        return receipt
      },
      rule: saysWhatWasSigned([given.receipt], byMember),
      inputs: SIGNED_INPUTS,
    }),
    target({
      name: 'heartbeat, its signature',
      file: 'protocol/registration.ts',
      grammar: 'json',
      corpus: [jsonBytes(given.heartbeat)],
      errors,
      parse: (b) =>
        verifyHeartbeat(parseHeartbeatRequest(jsonOf(b), 'heartbeat'), given.keyset, nodeProvider),
      rule: saysWhatWasSigned([given.heartbeat.heartbeat], byMember),
      inputs: SIGNED_INPUTS,
    }),
    target({
      name: 'tunnel proof, its signature',
      file: 'protocol/tunnel.ts',
      grammar: 'json',
      corpus: [jsonBytes(tunnel)],
      errors,
      parse: async (b) => {
        const proof = parseTunnelProof(jsonOf(b), 'proof')
        await verifyTunnel(proof, given.tunnelClaim, given.keyset, nodeProvider)
        return proof
      },
      rule: saysWhatWasSigned([tunnel], byMember),
      inputs: SIGNED_INPUTS,
    }),
  ]
}

/** The order of an object's members says nothing. */
function byMember(value: object): string {
  return show(sorted(JSON.parse(show(value))))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return members.map(([name, member]) => [name, sorted(member)])
}
