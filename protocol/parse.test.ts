import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAccountRequest, parseChequeRequest } from './account.ts'
import { openAllowance, sealAllowance } from './allowance.ts'
import { parseReceiptBatch, parseReceiptBatchAnswer } from './delivery.ts'
import { readEnvelope } from './envelope.ts'
import { PROTOCOL_ERRORS, ProtocolError } from './errors.ts'
import { decodeHead, encodeHead } from './head.ts'
import { parseKeyConfig } from './key-config.ts'
import { parseKeyset } from './keyset.ts'
import { HEADER } from './labels.ts'
import { generateSigner, nodeProvider } from './node.ts'
import { integer, list, type Parser, text } from './parse.ts'
import { problemCode, toProblem } from './problem.ts'
import { parseReceipt, receiptJson, signReceipt } from './receipt.ts'
import { receiptOfFrame } from './receipt-frame.ts'
import { parseRecoveryToken } from './recovery-token.ts'
import {
  parseChallengeAnswer,
  parseHeartbeatAnswer,
  parseHeartbeatRequest,
  parseRegisterAnswer,
  parseRegisterRequest,
  parseReport,
} from './registration.ts'
import { parseSubject } from './subject.ts'
import { allowance, headInput, NOW, random, unsignedReceipt } from './testing/fixtures.ts'
import { parseTonProof } from './ton-proof.ts'
import { webProvider } from './web.ts'

const PARSERS: Readonly<Record<string, Parser<unknown>>> = {
  parseKeyset,
  parseReport,
  parseRegisterRequest,
  parseChallengeAnswer,
  parseRegisterAnswer,
  parseHeartbeatRequest,
  parseHeartbeatAnswer,
  parseReceipt,
  parseReceiptBatch,
  parseReceiptBatchAnswer,
  parseAccountRequest,
  parseChequeRequest,
  parseTonProof,
}

/** Runs `work`; whatever it throws must be a ProtocolError. */
function onlyProtocolErrors(work: () => unknown): void {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
  }
}

const signed = receiptJson(
  signReceipt(
    unsignedReceipt(`sha256:${'00'.repeat(32)}`, `req_${'0'.repeat(32)}`),
    generateSigner('k'),
  ),
)

describe('parsers of what a peer sends', () => {
  test.each(Object.entries(PARSERS))('%s refuses any nonsense with its one error', (_, parse) => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (value) => {
        onlyProtocolErrors(() => parse(value, '$'))
      }),
      { numRuns: 300 },
    )
  })

  test('a receipt with any one member replaced is refused or still well-formed', () => {
    const paths = fc.constantFrom(...Object.keys(signed as object))
    fc.assert(
      fc.property(paths, fc.jsonValue(), (key, value) => {
        onlyProtocolErrors(() => parseReceipt({ ...(signed as object), [key]: value }, '$'))
      }),
      { numRuns: 1000 },
    )
  })

  test('headers: any text is refused or parsed, on both platforms alike', () => {
    const head = encodeHead(nodeProvider.texts, headInput(), 'ehbp-x25519').header
    const texts = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.constant(head),
      fc.constant('00'.repeat(32)),
      fc.constant('1'),
    )
    const headers = fc.dictionary(fc.constantFrom(...Object.values(HEADER)), texts)
    fc.assert(
      fc.property(headers, (given) => {
        const outcomes = [nodeProvider, webProvider].map((provider) => {
          try {
            return readEnvelope((name) => given[name], provider).binding
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError)
            return error instanceof ProtocolError ? error.code : ''
          }
        })
        expect(outcomes[0]).toBe(outcomes[1])
      }),
      { numRuns: 2000 },
    )
  })

  test('heads, subjects, tokens, allowances, frames and key configs: any text or bytes', () => {
    const key = nodeProvider.hashes.macKey(random(32))
    const sealed = sealAllowance(nodeProvider, allowance(), key)
    fc.assert(
      fc.property(fc.string(), fc.uint8Array({ maxLength: 80 }), fc.nat(), (source, bytes, at) => {
        const mutated = sealed.slice(0, at % sealed.length) + source
        onlyProtocolErrors(() => decodeHead(nodeProvider.texts, source))
        onlyProtocolErrors(() =>
          decodeHead(webProvider.texts, Buffer.from(source).toString('base64url')),
        )
        onlyProtocolErrors(() => parseSubject(source))
        onlyProtocolErrors(() => parseSubject(`cocoon-runner://v1?${source}`))
        onlyProtocolErrors(() => parseRecoveryToken(source))
        onlyProtocolErrors(() =>
          openAllowance(nodeProvider, mutated, key, { binding: '', now: NOW }),
        )
        onlyProtocolErrors(() => parseKeyConfig(bytes))
        onlyProtocolErrors(() => receiptOfFrame(Buffer.from(`: cocoon-receipt ${source}`)))
        onlyProtocolErrors(() => receiptOfFrame(bytes))
      }),
      { numRuns: 2000 },
    )
  })

  test('errors name the path and never the value', () => {
    const secret = 'SECRET-VALUE'
    const attempts = [
      () => parseKeyset({ subject: 1, [secret]: secret }, 'keyset'),
      () => parseReceipt({ ...(signed as object), model: { secret } }, 'receipt'),
      () => parseSubject(`cocoon-runner://v1?gpu=${secret}`),
      () => text(3)(secret, 'name'),
      () => decodeHead(nodeProvider.texts, Buffer.from(`{"${secret}":1}`).toString('base64url')),
    ]
    for (const attempt of attempts) {
      expect(attempt).toThrow(ProtocolError)
      expect(attempt).not.toThrow(secret)
    }
  })

  test('integers and lists keep their limits', () => {
    for (const value of [-1, 11, 0.5, Number.NaN, -0, '1', 1n, 2 ** 53]) {
      expect(() => integer(0, 10)(value, 'n')).toThrow(ProtocolError)
    }
    expect(() => list(integer(0, 1), { max: 2 })([1, 1, 1], 'l')).toThrow('takes 0 to 2 items')
    expect(() => text(10)('\ud800', 't')).toThrow(ProtocolError)
  })
})

test('every error code has an action and an HTTP refusal that its receiver can read back', () => {
  for (const code of Object.keys(PROTOCOL_ERRORS)) {
    // Sound: the table's own keys are the codes.
    const error = new ProtocolError(code as keyof typeof PROTOCOL_ERRORS, 'x')
    const problem = toProblem(error)
    expect(problemCode(problem.body)).toBe(code)
    expect(problem.status).toBeGreaterThanOrEqual(400)
    expect(error.action).toBe(PROTOCOL_ERRORS[error.code])
  }
  const stale = toProblem(new ProtocolError('key_stale', 'x'))
  expect([stale.status, stale.body.type]).toEqual([422, 'urn:ietf:params:ehbp:error:key-config'])
  expect(problemCode({ type: 'urn:ietf:params:ehbp:error:key-config' })).toBe('key_stale')
  for (const body of [null, 'x', {}, { code: 'toString' }, { code: 1 }]) {
    expect(problemCode(body)).toBeUndefined()
  }
})
