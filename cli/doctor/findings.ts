import type { ShownCheck } from '#client/documents'

/** What a machine is examined for before it may earn, in the order in which the table is printed. */
const EXAMINED = {
  'settings.form': 'cocoon runner --help: every setting is there and well-formed',
  'engine.health': 'the engine answers, and tells its model and context length',
  'tee.device': 'Linux ABI configfs-tsm-report: an SEV-SNP or TDX guest that can quote',
  'gpu.mode': 'NVIDIA confidential computing: mode on, DevTools off',
  'gpu.evidence': 'NVAT collect-evidence: each GPU signs a report over a nonce',
  'collateral.had':
    'AMD KDS, Intel PCS, NVIDIA RIM and OCSP: everything that verifiers will ask for',
  'tcb.outlook': 'Intel PCS 4, update=early: the TCB that Intel will demand next',
  'clock.right': 'keys and evidence are judged by time: within 60 s of the gateway’s',
  'gateway.reached': 'GET /health of each gateway',
  'chain.reached': 'the Registry’s state at each TON endpoint',
} as const

export type ExaminedId = keyof typeof EXAMINED

export interface Problem {
  readonly code: string
  readonly detail: string
  readonly remedy: string
}

export const found = {
  well: (id: ExaminedId): ShownCheck => ({ id, spec: EXAMINED[id], status: 'pass' }),
  ill: (id: ExaminedId, problem: Problem): ShownCheck => ({
    id,
    spec: EXAMINED[id],
    status: 'fail',
    ...problem,
  }),
  unknown: (id: ExaminedId, reason: string): ShownCheck => ({
    id,
    spec: EXAMINED[id],
    status: 'skip',
    reason,
  }),
}
