import { PINNED_ANCHORS } from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, utf8 } from '#base/bytes.ts'
import {
  ClientError,
  newAccountOwner,
  ownerFromJson,
  ownerToJson,
  parseSimulation,
  simulationJson,
} from '#client'
import { DocumentError, readDocument } from '#client/documents'
import { ContractError } from '#contracts/pure'
import { receiptJson } from '#protocol'
import { type FuzzTarget, target, Violation } from '../engine/target.ts'
import { keyset, NOW, receipt, registration } from './messages.ts'
import { jsonBytes, jsonOf } from './texts.ts'

const random = (length: number): Bytes => new Uint8Array(length).map((_, i) => (i * 29 + 3) & 0xff)

export async function clientTargets(): Promise<readonly FuzzTarget[]> {
  const { report } = registration
  const session = {
    document: {
      channel_binding: 'x',
      upstream_name: 'runner',
      workload_keyset: keyset,
      nonce: 'fa'.repeat(32),
      evidence: {
        digest: 'sha256:00',
        data: `data:application/json;base64,${base64(utf8(JSON.stringify(report)))}`,
      },
    },
    session_id: 'ab'.repeat(32),
  }
  const owners = await Promise.all(
    (['managed', 'sovereign'] as const).map((mode) => newAccountOwner({ mode, random })),
  )
  return [
    target({
      name: 'document to verify',
      file: 'client/documents/document.ts',
      grammar: 'json',
      corpus: [receiptJson(receipt), report, session, { tee: {} }].map(jsonBytes),
      errors: [DocumentError],
      parse: (b) => readDocument(jsonOf(b)),
    }),
    target({
      name: 'account file',
      file: 'client/account-owner.ts',
      grammar: 'json',
      corpus: owners.map((owner) => jsonBytes(ownerToJson(owner))),
      errors: [RangeError, ContractError],
      parse: (b) => ownerFromJson(jsonOf(b)),
      rule: (owner) => {
        if (!owners.some(({ id }) => id === owner.id) && owner.keys.salt.length < 16) {
          throw new Violation('took keys that can be guessed')
        }
      },
      inputs: 500_000,
    }),
    target({
      name: 'simulation file',
      file: 'client/simulation.ts',
      grammar: 'json',
      corpus: [
        jsonBytes(
          simulationJson({
            anchors: PINNED_ANCHORS,
            collateral: new Map(),
            created: unixSeconds(NOW),
          }),
        ),
      ],
      errors: [ClientError],
      parse: (b) => parseSimulation(jsonOf(b), NOW),
    }),
  ]
}
