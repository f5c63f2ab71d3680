import { type Bytes, utf8 } from '#base/bytes.ts'
import { forgeNvidia } from '#dev/forge/nvidia.ts'
import { rimAnswer } from '#dev/forge/nvidia-rim.ts'
import { findKey } from '../nras/keys.ts'
import { parseDetachedEat } from '../nras/token.ts'
import { deviceIdentity } from '../nvidia/device.ts'
import { parseNvidiaEvidence } from '../nvidia/evidence.ts'
import { certifiedFwid } from '../nvidia/fwid.ts'
import { parseOcspResponse } from '../nvidia/revocation/ocsp.ts'
import { parseRimManifest } from '../nvidia/rim/manifest.ts'
import { parseRimAnswer } from '../nvidia/rim/service.ts'
import { parseXml } from '../nvidia/rim/xml.ts'
import { parseSpdmTranscript } from '../nvidia/spdm.ts'
import { PEM_PIECES, XML_PIECES } from './fuzz-words.ts'
import { NONCE, NOW, random } from './gpu-verdict.ts'
import type { ParserTarget } from './parser-target.ts'

/** Every parser of GPU evidence, its collateral, and the attestation service's tokens. */
export async function nvidiaTargets(): Promise<ParserTarget[]> {
  const forge = await forgeNvidia({ random, now: NOW, gpus: 1, switches: 1 })
  const evidence = await forge.evidence({ nonce: NONCE })
  const transcripts = evidence.devices.map((device) => device.evidence)
  const pems = evidence.devices.map(({ certificate }) => certificate)
  const rim = await forge.rim('driver')
  const { provisioner, identity } = forge.authorities
  const subject = { certificate: provisioner, issuer: identity }
  const responder = { certificates: [identity.der], by: 'key', nonce: NONCE } as const
  const devices = (certificate: Bytes): { evidence: Bytes; certificate: Bytes }[] =>
    transcripts.slice(0, 1).map((transcript) => ({ evidence: transcript, certificate }))
  return [
    {
      name: 'SPDM transcript',
      file: 'nvidia/spdm.ts',
      parse: parseSpdmTranscript,
      seeds: transcripts,
    },
    {
      name: 'device certificates',
      file: 'nvidia/evidence.ts',
      dictionary: PEM_PIECES,
      parse: (b) => {
        const [device] = parseNvidiaEvidence({ arch: 'HOPPER', devices: devices(b) }).devices
        const [leaf] = device?.chain ?? []
        // Deeper than parsing: what the certificates say is read from hostile bytes too.
        return [deviceIdentity(device?.chain ?? []), leaf && certifiedFwid(leaf)]
      },
      seeds: pems,
    },
    {
      name: 'XML',
      file: 'nvidia/rim/xml.ts',
      dictionary: XML_PIECES,
      parse: parseXml,
      seeds: [rim, utf8('<a xmlns="x:y" b="c"><d/>e</a>')],
    },
    {
      name: 'reference manifest',
      file: 'nvidia/rim/manifest.ts',
      dictionary: XML_PIECES,
      parse: parseRimManifest,
      seeds: [rim],
    },
    {
      name: 'RIM answer',
      file: 'nvidia/rim/service.ts',
      grammar: 'json',
      parse: parseRimAnswer,
      seeds: [await rimAnswer('A', utf8('<a/>'))],
    },
    {
      name: 'OCSP response',
      file: 'nvidia/revocation/ocsp.ts',
      grammar: 'der',
      parse: parseOcspResponse,
      seeds: [
        await forge.ocsp(subject),
        await forge.ocsp(subject, { status: 'hold', ...responder }),
        await forge.ocsp(subject, { status: 'unknown', hash: 'SHA-1' }),
      ],
    },
    {
      name: 'attestation token',
      file: 'nras/token.ts',
      grammar: 'json',
      parse: parseDetachedEat,
      seeds: [
        await forge.nras({ nonce: NONCE }),
        await forge.nras({ nonce: NONCE, version: '2.0' }),
      ],
    },
    {
      name: 'key set',
      file: 'nras/keys.ts',
      grammar: 'json',
      parse: (b) => findKey(b, forge.kid) ?? null,
      seeds: [forge.keySet()],
    },
  ]
}
