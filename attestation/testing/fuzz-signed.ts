import { unixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import { forgeAmd } from '#dev/forge/amd.ts'
import { forgeIntel } from '#dev/forge/intel.ts'
import { forgeNvidia } from '#dev/forge/nvidia.ts'
import type { Proof } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import { parseCertificate } from '../der/certificate.ts'
import { parseCrl, verifyCrlSignature } from '../der/crl.ts'
import { demand } from '../errors.ts'
import { proveNras } from '../nras/prove.ts'
import { parseNvidiaEvidence } from '../nvidia/evidence.ts'
import { verifyOcspResponse } from '../nvidia/revocation/verify-ocsp.ts'
import { parseRimManifest } from '../nvidia/rim/manifest.ts'
import { verifyXmlSignature } from '../nvidia/rim/signature.ts'
import { parseSpdmTranscript } from '../nvidia/spdm.ts'
import { verifyTranscript } from '../nvidia/verify-transcript.ts'
import { parseSevEvidence, type SevEvidenceBytes } from '../sev/evidence.ts'
import { proveSev } from '../sev/prove.ts'
import { parseTdxEvidence } from '../tdx/evidence.ts'
import { proveTdx } from '../tdx/prove.ts'
import { XML_PIECES } from './fuzz-words.ts'
import { NONCE, random } from './gpu-verdict.ts'
import type { SignedTarget } from './parser-target.ts'

const NOW = unixSeconds(1_764_000_000)

/** Every check of a signature over bytes from outside. */
export async function signedTargets(): Promise<readonly SignedTarget[]> {
  return [...(await amdTargets()), ...(await intelTargets()), ...(await nvidiaTargets())]
}

async function amdTargets(): Promise<SignedTarget[]> {
  const forge = await forgeAmd({ random, now: NOW })
  const [report, vek, crl] = [await forge.report(), await forge.vek(), await forge.crl()]
  const collateral = await forge.collateral()
  const proven = async (evidence: SevEvidenceBytes): Promise<string> =>
    factsOf(
      await proveSev({
        evidence: parseSevEvidence(evidence),
        collateral,
        now: NOW,
        anchors: [forge.root],
      }),
    )
  const ark = parseCertificate(forge.root.ark)
  return [
    {
      name: 'SNP report, its signature',
      file: 'sev/prove.ts',
      parse: (b) => proven({ report: b, vek, chain: [] }),
      seeds: [report],
    },
    {
      name: 'SNP certificate, its signature',
      file: 'sev/prove.ts',
      grammar: 'der',
      parse: (b) => proven({ report, vek: b, chain: [] }),
      seeds: [vek],
    },
    {
      name: 'CRL, its signature',
      file: 'der/crl.ts',
      grammar: 'der',
      parse: async (b) => {
        const { tbs, ...list } = parseCrl(b)
        await verifyCrlSignature({ tbs, ...list }, { issuer: ark, algorithms: ['rsa-pss-sha384'] })
        return hex(tbs)
      },
      seeds: [crl],
    },
  ]
}

async function intelTargets(): Promise<SignedTarget[]> {
  const forge = await forgeIntel({ random, now: NOW })
  const collateral = await forge.collateral()
  const quote = await forge.quote()
  // What follows the quote's declared end is told, and signed by nobody.
  const proven = async (bytes: Bytes, given: Collateral): Promise<string> =>
    factsOf(
      await proveTdx({
        evidence: parseTdxEvidence({ quote: bytes }),
        collateral: given,
        now: NOW,
        anchors: [forge.root],
      }),
      { except: 'trailing' },
    )
  const documents = [...collateral].map(
    ([name, entry]): SignedTarget => ({
      name: `Intel’s ${name.split('/').slice(1, 3).join(' ')}, its signature`,
      file: 'tdx/prove-collateral.ts',
      ...(entry.body[0] === 0x7b ? { grammar: 'json' } : { grammar: 'der' }),
      parse: (body) => proven(quote, new Map(collateral).set(name, { ...entry, body })),
      seeds: [entry.body],
    }),
  )
  return [
    {
      name: 'TDX quote, its signatures',
      file: 'tdx/prove.ts',
      parse: (b) => proven(b, collateral),
      seeds: [quote],
    },
    ...documents,
  ]
}

async function nvidiaTargets(): Promise<SignedTarget[]> {
  const forge = await forgeNvidia({ random, now: NOW })
  const evidence = await forge.evidence({ nonce: NONCE })
  const { chain = [] } = parseNvidiaEvidence(evidence).devices[0] ?? {}
  const { provisioner, identity } = forge.authorities
  const keySet = forge.keySet()
  return [
    {
      name: 'SPDM transcript, its signature',
      file: 'nvidia/verify-transcript.ts',
      parse: async (b) => {
        const transcript = parseSpdmTranscript(b)
        await verifyTranscript({ chain, transcript })
        return hex(transcript.signed)
      },
      seeds: evidence.devices.map((device) => device.evidence),
    },
    {
      name: 'reference manifest, its signature',
      file: 'nvidia/rim/signature.ts',
      dictionary: XML_PIECES,
      parse: async (b) => {
        const manifest = parseRimManifest(b)
        await verifyXmlSignature(manifest.root, manifest.signature)
        const { version, product, edition, active } = manifest
        return textOf([version, product, edition, active])
      },
      seeds: [await forge.rim('vbios')],
    },
    {
      name: 'OCSP response, its signature',
      file: 'nvidia/revocation/verify-ocsp.ts',
      grammar: 'der',
      parse: async (b) =>
        textOf(
          await verifyOcspResponse(b, {
            certificate: parseCertificate(provisioner.der),
            issuer: parseCertificate(identity.der),
            now: NOW,
          }),
        ),
      seeds: [await forge.ocsp({ certificate: provisioner, issuer: identity })],
    },
    {
      name: 'attestation token, its signatures',
      file: 'nras/prove.ts',
      grammar: 'json',
      parse: async (answer) => {
        const { nras } = forge.anchors
        return factsOf(await proveNras({ answer, keySet, now: NOW, anchors: nras, nonce: NONCE }))
      },
      seeds: [await forge.nras({ nonce: NONCE })],
    },
  ]
}

/** What was proven, as text. @throws AttestationError when nothing was */
function factsOf(proof: Proof<unknown>, { except }: { readonly except?: string } = {}): string {
  demand(proof.proven, 'parse', 'nothing was proven')
  return textOf(proof.facts, except)
}

function textOf(value: unknown, except?: string): string {
  return JSON.stringify(value, (name, member: unknown) => {
    if (name === except) return undefined
    if (typeof member === 'bigint') return `${member}n`
    if (member instanceof Uint8Array) return hex(member)
    return member instanceof Map || member instanceof Set ? [...member] : member
  })
}
