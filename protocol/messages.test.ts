import { describe, expect, test } from 'vitest'
import { type Bytes, fromHex, hex, utf8 } from '#base/bytes.ts'
import { jcs } from '#base/jcs.ts'
import { nano } from '#base/nano.ts'
import { accountStatement, parseAccountRequest, parseChequeRequest } from './account.ts'
import { openAllowance, sealAllowance } from './allowance.ts'
import { allowanceKeyFromEnc, openAllowanceContext } from './allowance-key.ts'
import type { MacKey, Signer } from './crypto.ts'
import { parseReceiptBatchAnswer, signRefusal } from './delivery.ts'
import { gpuNonce, type Keyset, keysetDigest, preferredSealingKey, sealingKeyOf } from './keyset.ts'
import { generateSigner, nodeProvider } from './node.ts'
import { verifyDocument } from './receipt.ts'
import {
  parseHeartbeatRequest,
  parseRegisterRequest,
  type RegisterRequest,
  type Registration,
  type Report,
  signHeartbeat,
  signRegistration,
  verifyHeartbeat,
  verifyRegistration,
} from './registration.ts'
import { isSmallOrder } from './small-order.ts'
import { formatSubject, parseSubject } from './subject.ts'
import { allowance, codeOf, MODEL, NOW, PAYEE, random, runnerKeys } from './testing/fixtures.ts'
import { webProvider } from './web.ts'

const GATEWAY = 'https://gateway.example'
const CHALLENGE = '5a'.repeat(32)
const SUBJECT = { gpu: 'none', model: MODEL, payee: PAYEE, weights: `sha256:${'ef'.repeat(32)}` }

describe('allowance', () => {
  const binding = '77'.repeat(32)
  const key: MacKey = nodeProvider.hashes.macKey(random(32))
  const header = sealAllowance(nodeProvider, allowance({ enc: binding }), key)
  const check = (text: string, by = key, now = NOW, forBody = binding): Promise<string> =>
    codeOf(() => openAllowance(nodeProvider, text, by, { binding: forBody, now }))

  test('both sides export one key from the register context', async () => {
    const keys = await runnerKeys()
    const x25519 = keys.sealing['ehbp-x25519']
    for (const provider of [nodeProvider, webProvider]) {
      const context = await openAllowanceContext(provider, x25519.publicKey)
      expect(await allowanceKeyFromEnc(x25519, context.enc)).toEqual(context.key)
      const stranger = (await runnerKeys()).sealing['ehbp-x25519']
      expect(await allowanceKeyFromEnc(stranger, context.enc)).not.toEqual(context.key)
    }
    expect(await codeOf(() => allowanceKeyFromEnc(x25519, new Uint8Array(32)))).toBe(
      'allowance_invalid',
    )
  })

  test('opens as it was sealed, on both platforms alike', () => {
    const said = allowance({ enc: binding })
    const sealed = sealAllowance(webProvider, said, key)
    expect(sealAllowance(nodeProvider, said, key)).toBe(sealed)
    expect(openAllowance(webProvider, sealed, key, { binding, now: NOW })).toEqual(said)
  })

  test('for another body, after its expiry or by another gateway it is refused', async () => {
    expect(await check(header)).toBe('no error')
    expect(await check(header, key, NOW, '78'.repeat(32))).toBe('allowance_invalid')
    expect(await check(header, key, NOW + 61)).toBe('allowance_expired')
    expect(await check(header, nodeProvider.hashes.macKey(random(32)))).toBe('allowance_invalid')
  })

  test('every altered character is refused', async () => {
    for (let at = 0; at < header.length; at += 5) {
      const other = header[at] === 'A' ? 'B' : 'A'
      expect(await check(header.slice(0, at) + other + header.slice(at + 1))).toBe(
        'allowance_invalid',
      )
    }
    const [body = '', mac = ''] = header.split('.')
    for (const text of [
      '',
      '.',
      body,
      `${body}.`,
      `${body}.${mac}.`,
      `${body}.${mac}=`,
      `.${mac}`,
    ]) {
      expect(await check(text)).toBe('allowance_invalid')
    }
  })

  test('even authentic, nonsense is refused by its parser', async () => {
    const sealRaw = (text: string): string => {
      const bytes = utf8(text)
      return `${nodeProvider.texts.base64url(bytes)}.${nodeProvider.texts.base64url(key.mac(bytes))}`
    }
    for (const text of ['{}', 'null', '[', '{"purpose":"cocoon.heartbeat.v1"}']) {
      expect(await check(sealRaw(text))).toBe('message_invalid')
    }
  })
})

describe('subject', () => {
  test('has one canonical text, keys in order, values percent-encoded', () => {
    const text = formatSubject(SUBJECT)
    expect(text).toBe(
      `cocoon-runner://v1?gpu=none&model=demo-1m&payee=0%3A${'11'.repeat(32)}&weights=sha256%3A${'ef'.repeat(32)}`,
    )
    expect(parseSubject(text)).toEqual(SUBJECT)
  })

  test('a model id cannot inject weights (H18)', () => {
    const text = formatSubject({ ...SUBJECT, model: 'a&weights=sha256:00' })
    expect(parseSubject(text).weights).toBe(SUBJECT.weights)
    expect(text.match(/&weights=/g)).toHaveLength(1)
  })

  const text = formatSubject(SUBJECT)
  test.each([
    ['keys in another order', text.replace('gpu=none&model=demo-1m', 'model=demo-1m&gpu=none')],
    ['a repeated key', `${text}&weights=sha256%3A${'ef'.repeat(32)}`],
    ['a repeated key first', text.replace('?', '?gpu=none&')],
    ['an unknown key', `${text}&x=1`],
    ['a missing key', text.replace('gpu=none&', '')],
    ['another spelling', text.replace('%3A', ':')],
    ['lower-case percent digits', text.replace('%3A', '%3a')],
    ['an escaped letter', text.replace('demo', '%64emo')],
    ['upper-case hex', text.replaceAll('ef', 'EF')],
    ['a fragment', `${text}#x`],
    ['another scheme', text.replace('cocoon-runner', 'dstack-app')],
    ['a bad escape', text.replace('%3A', '%')],
    ['a prototype key', `${text}&__proto__=1`],
    ['nothing', ''],
  ])('refuses %s', async (_, source) => {
    expect(await codeOf(() => parseSubject(source))).toBe('message_invalid')
  })
})

interface Runner {
  readonly signer: Signer
  readonly keyset: Keyset
  readonly report: Report
  readonly registration: Omit<Registration, 'purpose'>
}

async function runner(changes: Partial<Registration> = {}): Promise<Runner> {
  const signer = generateSigner('receipt-1')
  const { sealing } = await runnerKeys()
  const keyset: Keyset = {
    subject: formatSubject(SUBJECT),
    not_after: NOW + 3600,
    receipt_signing_keys: [
      { key_id: 'receipt-1', algo: 'ed25519', public_key: hex(signer.publicKey) },
    ],
    e2ee_public_keys: Object.entries(sealing).map(([algo, { publicKey }]) => ({
      key_id: algo,
      algo,
      public_key: hex(publicKey),
    })),
    tls_public_keys: [],
  }
  const digest = keysetDigest(keyset)
  const report: Report = {
    api_version: 'aci/1',
    workload_keyset_digest: digest,
    attestation: {
      tee_type: 'sev-snp',
      workload_keyset: keyset,
      report_data: '00'.repeat(64),
      evidence: {},
    },
  }
  const registration = {
    gateway: GATEWAY,
    challenge: CHALLENGE,
    payee: PAYEE,
    transport: { kind: 'direct', url: 'http://127.0.0.1:8790' } as const,
    model: {
      id: MODEL,
      context_length: 2048,
      max_output_tokens: 512,
      price_coefficient_bps: 10_000,
    },
    capacity: 4,
    sequence: 1,
    keyset_digest: digest,
    ...changes,
  }
  return { signer, keyset, report, registration }
}

describe('registration (H7)', () => {
  const expected = { gateway: GATEWAY, challenge: CHALLENGE }
  const verify = (request: RegisterRequest, against = expected): Promise<string> =>
    codeOf(() => verifyRegistration(request, against, nodeProvider))

  test('signed by the receipt key of the attested keyset, it survives JSON and verifies', async () => {
    const { report, registration, signer } = await runner()
    const sent = JSON.parse(JSON.stringify(signRegistration(registration, report, signer)))
    const parsed = parseRegisterRequest(sent, 'register')
    const { subject } = await verifyRegistration(parsed, expected, webProvider)
    expect(subject).toEqual(SUBJECT)
  })

  test('what a model does is said in known names, or not at all', async () => {
    const said = {
      endpoints: ['/v1/chat/completions'],
      supported_parameters: ['seed'],
      input_modalities: ['text'],
    } as const
    const { report, registration, signer } = await runner()
    const { model } = registration
    const request = signRegistration(
      { ...registration, model: { ...model, capabilities: said } },
      report,
      signer,
    )
    const parsed = parseRegisterRequest(JSON.parse(JSON.stringify(request)), 'register')
    expect(parsed.registration.model.capabilities).toEqual(said)
    await verifyRegistration(parsed, expected, webProvider)
    for (const change of [
      { endpoints: ['/v1/telepathy'] },
      { supported_parameters: ['<script>'] },
      { supported_parameters: Array<string>(100).fill('seed') },
      { input_modalities: ['smell'] },
      { input_modalities: undefined },
      { more: 1 },
    ]) {
      const capabilities = { ...said, ...change }
      const wrong = {
        ...registration,
        purpose: 'cocoon.register.v1',
        model: { ...model, capabilities },
      }
      expect(() => parseRegisterRequest({ ...request, registration: wrong }, 'register')).toThrow()
    }
  })

  test('for another gateway or another challenge it is refused', async () => {
    const { report, registration, signer } = await runner()
    const request = signRegistration(registration, report, signer)
    expect(await verify(request, { ...expected, gateway: 'https://other.example' })).toBe(
      'message_invalid',
    )
    expect(await verify(request, { ...expected, challenge: '5b'.repeat(32) })).toBe(
      'message_invalid',
    )
  })

  test("another host's keyset under my wallet is refused, whoever signs", async () => {
    const victim = await runner({ payee: `0:${'22'.repeat(32)}` })
    const mine = generateSigner('receipt-1')
    for (const signer of [victim.signer, mine]) {
      const request = signRegistration(victim.registration, victim.report, signer)
      expect(await verify(request)).toBe('message_invalid')
    }
    const honest = await runner()
    const stolen = signRegistration(honest.registration, honest.report, mine)
    expect(await verify(stolen)).toBe('signature_invalid')
  })

  test.each([
    [
      'model',
      { model: { id: 'other', context_length: 1, max_output_tokens: 1, price_coefficient_bps: 1 } },
    ],
    ['keyset digest', { keyset_digest: `sha256:${'00'.repeat(32)}` }],
  ])('a %s that the keyset does not vouch for is refused', async (_, change) => {
    const { report, registration, signer } = await runner(change)
    expect(await verify(signRegistration(registration, report, signer))).toBe('message_invalid')
  })

  test.each([
    ['transport', { transport: { kind: 'direct', url: 'http://169.254.169.254' } as const }],
    ['sequence', { sequence: 2 }],
    ['capacity', { capacity: 100 }],
  ])('an altered %s breaks the signature', async (_, change) => {
    const { report, registration, signer } = await runner()
    const request = signRegistration(registration, report, signer)
    const forged = { ...request, registration: { ...request.registration, ...change } }
    expect(await verify(forged)).toBe('signature_invalid')
  })

  test('a heartbeat is signed too, and neither signature serves as the other (M10)', async () => {
    const { report, registration, signer, keyset } = await runner()
    const beat = {
      gateway: GATEWAY,
      runner_id: 'run_1',
      sequence: 2,
      in_flight: 0,
      capacity: 4,
      at: NOW,
    }
    const request = signHeartbeat(beat, signer)
    const parsed = parseHeartbeatRequest(JSON.parse(JSON.stringify(request)), 'heartbeat')
    expect(await verifyHeartbeat(parsed, keyset, nodeProvider)).toEqual(request.heartbeat)
    const registered = signRegistration(registration, report, signer)
    const crossed = { ...request, signature: registered.signature }
    expect(await codeOf(() => verifyHeartbeat(crossed, keyset, nodeProvider))).toBe(
      'signature_invalid',
    )
    expect(
      await codeOf(() =>
        parseHeartbeatRequest({ ...request, heartbeat: registered.registration }, 'x'),
      ),
    ).toBe('message_invalid')
  })

  test('the GPU nonce names the keys: other keys need other evidence', async () => {
    const [a, b] = [await runner(), await runner()]
    expect(gpuNonce(a.keyset)).toHaveLength(32)
    expect(gpuNonce(a.keyset)).not.toEqual(gpuNonce(b.keyset))
    expect(gpuNonce({ ...a.keyset, subject: 'other' } as Keyset)).toEqual(gpuNonce(a.keyset))
  })

  test('sealing keys come from the keyset, the hybrid one first, lengths exact', async () => {
    const { keyset } = await runner()
    expect(preferredSealingKey(keyset).suite).toBe('ehbp-mlkem768-x25519')
    expect(sealingKeyOf(keyset, 'ehbp-x25519')).toHaveLength(32)
    const [x25519] = keyset.e2ee_public_keys.filter(({ algo }) => algo === 'ehbp-x25519')
    if (!x25519) throw new Error('an X25519 key')
    const only = { ...keyset, e2ee_public_keys: [x25519] }
    expect(preferredSealingKey(only).suite).toBe('ehbp-x25519')
    expect(await codeOf(() => preferredSealingKey({ ...keyset, e2ee_public_keys: [] }))).toBe(
      'suite_unsupported',
    )
    const twice = { ...keyset, e2ee_public_keys: [x25519, x25519] }
    expect(await codeOf(() => sealingKeyOf(twice, 'ehbp-x25519'))).toBe('message_invalid')
    const short = { ...keyset, e2ee_public_keys: [{ ...x25519, public_key: 'ab' }] }
    expect(await codeOf(() => sealingKeyOf(short, 'ehbp-x25519'))).toBe('message_invalid')
  })
})

describe('account and delivery', () => {
  test('the account statement says which gateway and account it is for', () => {
    const said = {
      gateway: GATEWAY,
      account: 'A'.repeat(32),
      issued_at: NOW,
      nonce: '00'.repeat(16),
    }
    expect(Buffer.from(accountStatement(said)).toString()).toBe(
      jcs({ ...said, purpose: 'cocoon.account.v1' }),
    )
  })

  test('account and cheque requests are parsed strictly', async () => {
    const account = {
      keys: { owner_key: 'ab'.repeat(32), salt: '00'.repeat(16) },
      mode: 'sovereign',
      issued_at: NOW,
      nonce: '00'.repeat(16),
      signature: 'cd'.repeat(64),
    }
    expect(parseAccountRequest(account, 'account')).toEqual(account)
    const cheque = {
      till: PAYEE,
      account: 'A'.repeat(32),
      fee_bps: 100,
      cumulative: '12',
      signature: 'cd'.repeat(64),
    }
    expect(parseChequeRequest(cheque, 'cheque').cumulative).toBe(nano(12n))
    const bad = [
      () => parseAccountRequest({ ...account, keys: { owner_key: 'ab'.repeat(32) } }, 'account'),
      () => parseAccountRequest({ ...account, keys: { ...account.keys, extra: 1 } }, 'account'),
      () => parseChequeRequest({ ...cheque, cumulative: 12 }, 'cheque'),
      () => parseChequeRequest({ ...cheque, cumulative: '1e3' }, 'cheque'),
      () => parseChequeRequest({ ...cheque, account: 'I'.repeat(32) }, 'cheque'),
    ]
    for (const parse of bad) expect(await codeOf(parse)).toBe('message_invalid')
  })

  test('a refused receipt carries a reason that the gateway signed (H20)', async () => {
    const signer = generateSigner('meter')
    const refused = signRefusal(
      { gateway: GATEWAY, runner: 'run_1', receipt_id: 'req_x', reason: 'past_deadline', at: NOW },
      signer,
    )
    const answer = parseReceiptBatchAnswer(
      JSON.parse(
        JSON.stringify({ results: [{ receipt_id: 'req_x', status: 'refused', ...refused }] }),
      ),
      'answer',
    )
    const [item] = answer.results
    await verifyDocument(item?.refusal, item?.signature ?? '', signer.publicKey, nodeProvider)
    const other = { ...item?.refusal, reason: 'duplicate' }
    expect(
      await codeOf(() =>
        verifyDocument(other, item?.signature ?? '', signer.publicKey, nodeProvider),
      ),
    ).toBe('signature_invalid')
  })
})

describe('Ed25519 keys of small order (C1)', () => {
  const forged: [string, Bytes][] = [
    ['zero', new Uint8Array(32)],
    ['the identity', fromHex(`01${'00'.repeat(31)}`)],
    ['the identity with a sign bit', fromHex(`01${'00'.repeat(30)}80`)],
    ['order 2', fromHex(`ec${'ff'.repeat(30)}7f`)],
    ['p itself', fromHex(`ed${'ff'.repeat(30)}7f`)],
    ['order 8', fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')],
  ]
  test.each(forged)('%s verifies nothing', async (_, key) => {
    expect(isSmallOrder(key)).toBe(true)
    const trivial = fromHex(`01${'00'.repeat(63)}`)
    for (const provider of [nodeProvider, webProvider]) {
      for (const message of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
        expect(await provider.verify(key, utf8(message), trivial)).toBe(false)
      }
    }
  })

  test('a real key, a wrong length and a wrong signature are told apart', async () => {
    const signer = generateSigner('x')
    const message = utf8('m')
    for (const provider of [nodeProvider, webProvider]) {
      const { publicKey } = signer
      expect(await provider.verify(publicKey, message, signer.sign(message))).toBe(true)
      expect(await provider.verify(publicKey, utf8('n'), signer.sign(message))).toBe(false)
      expect(await provider.verify(publicKey, message, new Uint8Array(63))).toBe(false)
      expect(await provider.verify(publicKey.subarray(1), message, signer.sign(message))).toBe(
        false,
      )
    }
  })
})
