import { beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, concat, fromUtf8, utf8 } from '#base/bytes.ts'
import { makeSigner, pem, type Signer } from '#dev/forge/der.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { intelName } from '#dev/forge/intel-certificates.ts'
import { signDocument, type TcbInfoJson } from '#dev/forge/intel-tcb.ts'
import { AttestationError } from '../errors.ts'
import { qeIdentityName, tcbInfoName } from './evidence.ts'
import { parseSignedJson } from './signed-json.ts'
import { type Case, entryOf, NOW, outcomeOf, tdxForge } from './testing/judge.ts'

let forge: IntelForge
let stranger: Signer
let chain: string

beforeAll(async () => {
  forge = await tdxForge()
  stranger = await makeSigner('ecdsa-p256-sha256')
  chain = await forge.issuerChain()
})

const outcome = (item: Case): Promise<string[]> => outcomeOf(forge, item)

/** A world in which TCB info has this body and issuer chain; undefined takes the header away. */
function withInfo(body: Bytes, header: string | undefined = chain): Case {
  const name = tcbInfoName('tdx', forge.fmspc, 'standard')
  const headers: Record<string, string> =
    header === undefined ? {} : { 'tcb-info-issuer-chain': header }
  return { collateral: { [name]: entryOf(name, body, headers) } }
}

const altered = async (change: (text: string) => string): Promise<Case> =>
  withInfo(utf8(change(fromUtf8(await forge.tcbInfo()))))

describe('a signed document is read as the bytes that were signed', () => {
  test('white space around the frame changes nothing; inside the value it breaks the signature', async () => {
    const spaced = await altered(
      (text) =>
        ` ${text.replace('{"tcbInfo":', '{ "tcbInfo" : ').replace(',"signature":', ' , "signature" : ')}\n`,
    )
    expect(await outcome(spaced)).toEqual([])
    const inside = await altered((text) => text.replace('"id":"TDX"', '"id": "TDX"'))
    expect(await outcome(inside)).toEqual(['tdx.tcb-info collateral-signature'])
  })

  test.each<[string, (text: string) => string]>([
    ['bytes after the end', (text) => `${text}x`],
    ['a second document', (text) => text + text],
    ['the signature first', (text) => text.replace(/^\{(.*),("signature":"\w+")\}$/s, '{$2,$1}')],
    ['another member', (text) => text.replace(/\}$/, ',"x":1}')],
    ['a member before', (text) => text.replace('{', '{"x":1,')],
    [
      'a second value',
      (text) => text.replace(',"signature"', ',"tcbInfo":{"id":"TDX"},"signature"'),
    ],
    ['a short signature', (text) => text.replace(/..("\})$/, '$1')],
    ['a signature that is not hex', (text) => text.replace(/..("\})$/, 'zz$1')],
    ['the other document', (text) => text.replace('"tcbInfo"', '"enclaveIdentity"')],
    ['a list', (text) => `[${text}]`],
    ['no document', () => ''],
    ['a byte order mark', (text) => `\ufeff${text}`],
  ])('%s is refused', async (_title, change) => {
    expect(await outcome(await altered(change))).toEqual(['tdx.tcb-info parse'])
  })

  test('a key that appears twice in what is signed is refused, however it is written', async () => {
    for (const key of ['"fmspc"', '"fm\\u0073pc"', '"fmspc" ']) {
      const text = (info: TcbInfoJson): string =>
        JSON.stringify(info).replace(/\}$/, `,${key}:"000000000000"}`)
      const failures = await outcome(withInfo(await forge.tcbInfo({ text })))
      expect(failures).toEqual(['tdx.tcb-info parse'])
    }
  })

  test('bytes that are not UTF-8 are refused', () => {
    const body = concat(utf8('{"tcbInfo":{"id":"'), Uint8Array.of(0xff), utf8('"}}'))
    expect(() => parseSignedJson(body, 'tcbInfo')).toThrow(AttestationError)
  })

  test('more than 256 KiB is refused', () => {
    const body = new Uint8Array(262_145)
    expect(() => parseSignedJson(body, 'tcbInfo')).toThrow('262145 bytes')
  })
})

describe('its signature and signer', () => {
  test('by a stranger, or of zeros, is refused', async () => {
    const strange = await forge.tcbInfo({ signer: stranger })
    expect(await outcome(withInfo(strange))).toEqual(['tdx.tcb-info collateral-signature'])
    const zero = await altered((text) => text.replace(/\w{128}("\})$/, `${'0'.repeat(128)}$1`))
    expect(await outcome(zero)).toEqual(['tdx.tcb-info collateral-signature'])
    const name = qeIdentityName('tdx', 'standard')
    const headers = { 'sgx-enclave-identity-issuer-chain': chain }
    const body = await forge.qeIdentity({ signer: stranger })
    const failures = await outcome({ collateral: { [name]: entryOf(name, body, headers) } })
    expect(failures).toEqual(['tdx.qe-identity collateral-signature'])
  })

  test('one document’s signature does not serve the other', async () => {
    const text = JSON.stringify({ id: 'TDX' })
    const body = await signDocument('enclaveIdentity', text, forge.signers.tcbSigning)
    const swapped = utf8(fromUtf8(body).replace('enclaveIdentity', 'tcbInfo'))
    expect(await outcome(withInfo(swapped))).toEqual(['tdx.tcb-info parse'])
  })

  test('missing documents are named', async () => {
    const info = tcbInfoName('tdx', forge.fmspc, 'standard')
    const qe = qeIdentityName('tdx', 'standard')
    const missing = (name: string): Promise<string[]> =>
      outcome({ collateral: { [name]: undefined } })
    expect(await missing(info)).toEqual(['tdx.tcb-info collateral-missing'])
    expect(await missing(qe)).toEqual(['tdx.qe-identity collateral-missing'])
  })

  test('TCB info of another FMSPC under this platform’s name is refused', async () => {
    const tcbInfo = (info: TcbInfoJson): void => {
      info.fmspc = '00806f050000'
    }
    expect(await outcome({ tcbInfo })).toEqual(['tdx.tcb-info-subject fmspc-mismatch'])
  })

  test('an issuer chain in another order, cut, or missing is refused', async () => {
    const [signer = '', root = ''] = decodeURIComponent(chain).split(
      /(?<=-----END CERTIFICATE-----\n)/,
    )
    const body = await forge.tcbInfo()
    const refused = ['tdx.tcb-info collateral-chain']
    for (const text of [root + signer, signer, root, signer + root + root, '', 'x', '%']) {
      expect(await outcome(withInfo(body, encodeURIComponent(text)))).toEqual(refused)
    }
    expect(await outcome(withInfo(body, '%'))).toEqual(refused)
    const name = tcbInfoName('tdx', forge.fmspc, 'standard')
    expect(await outcome({ collateral: { [name]: entryOf(name, body) } })).toEqual(refused)
  })

  test('a signer of another name, under another root, or a PCK certificate in its place is refused', async () => {
    const body = await forge.tcbInfo()
    const renamed = await forge.issuerChain({ subject: intelName('Intel SGX PCK Certificate') })
    const foreign = await forge.issuerChain({}, stranger)
    const other = await (await tdxForge()).issuerChain()
    const pck = encodeURIComponent(pem(await forge.pck()) + pem(forge.root))
    for (const header of [renamed, foreign, other, pck]) {
      expect(await outcome(withInfo(body, header))).toEqual(['tdx.tcb-info collateral-chain'])
    }
  })

  test('a signer outside its dates is refused', async () => {
    const body = await forge.tcbInfo()
    const early = await forge.issuerChain({ notBefore: NOW + 1 })
    expect(await outcome(withInfo(body, early))).toEqual(['tdx.tcb-info not-yet-valid'])
    const late = await forge.issuerChain({ notAfter: NOW - 1 })
    expect(await outcome(withInfo(body, late))).toEqual(['tdx.tcb-info expired'])
  })
})

test('a signature’s hex may have either case', async () => {
  const upper = await altered((text) => text.replace(/\w{128}("\})$/, (end) => end.toUpperCase()))
  expect(await outcome(upper)).toEqual([])
})
