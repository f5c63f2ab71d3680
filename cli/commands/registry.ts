import { SEND_HELP, SEND_OPTIONS } from '../chain/perform.ts'
import { sendingTo } from '../chain/sending.ts'
import { TARGET_HELP, TARGET_OPTIONS } from '../chain/target.ts'
import type { Command } from '../command.ts'
import { thisMachine } from '../doctor/this-machine.ts'
import { openRegistry } from '../registry/context.ts'
import { deployRegistry, REGISTRY_DEPLOY_OPTIONS } from '../registry/deploy.ts'
import {
  accept,
  add,
  cancelProposals,
  propose,
  revoke,
  setUri,
  topUpRegistry,
} from '../registry/operate.ts'
import { REQUEST_OPTIONS, requestAdmission } from '../registry/request.ts'
import { showRegistry } from '../registry/show.ts'
import { runVerb, verb } from '../verbs.ts'

const USAGE = `cocoon registry: what the network vouches for: images, models, meter keys, tills, platforms.

For anyone
  show                         every entry: active, waiting, revoked or denied; owner, guardian, proposals
  top-up --amount TON
For a host, on its machine
  request --out FILE --model ID --wallet ADDRESS [settings of cocoon runner]
                               writes this machine's evidence for the owner to look at, and what to add
For the owner
  add KIND HASH [--meta HEX]   active by itself when the Registry's delay is over
  propose-owner --to ADDRESS, propose-guardian --to ADDRESS, cancel-proposals
  set-uri URI
  deploy [--owner ADDRESS] [--guardian ADDRESS] [--delay-hours 48]
For owner or guardian
  revoke KIND HASH             at once; also denies what was never added
For who was proposed, when the delay is over
  accept-owner, accept-guardian

KIND is image, model, meterKey, till or platform; HASH is 64 hex digits (contracts/README.md says of what).

Options
  --registry ADDRESS   default: REGISTRY_ADDRESS, else the world of npm start
${TARGET_HELP}
${SEND_HELP}
TON_API_KEY is sent to the endpoint when it is set.

Each looks first whether it is done, so that running it again is safe (but for top-up).
Exit code: 0 done, 1 refused or failed, 2 wrong usage.`

export const registry: Command = {
  summary: 'show, deploy and change the Registry of what may run',
  usage: USAGE,
  run: (io) => runVerb(io, VERBS),
}

const READ = { ...TARGET_OPTIONS, registry: { type: 'string' } } as const
const SEND = { ...READ, ...SEND_OPTIONS } as const
const TEXT = { type: 'string' } as const

/** A verb that sends one message to the Registry. */
const sending = sendingTo(SEND, openRegistry)

const VERBS = {
  show: verb(READ, async (io, flags) => showRegistry(await openRegistry(io, flags))),
  'top-up': sending({ amount: TEXT }, topUpRegistry),
  add: sending({ meta: TEXT }, add, 2),
  revoke: sending({}, revoke, 2),
  'propose-owner': sending({ to: TEXT }, propose('Owner')),
  'accept-owner': sending({}, accept('Owner')),
  'propose-guardian': sending({ to: TEXT }, propose('Guardian')),
  'accept-guardian': sending({}, accept('Guardian')),
  'cancel-proposals': sending({}, cancelProposals),
  'set-uri': sending({}, setUri, 1),
  request: verb(REQUEST_OPTIONS, requestAdmission(thisMachine)),
  deploy: verb({ ...TARGET_OPTIONS, ...SEND_OPTIONS, ...REGISTRY_DEPLOY_OPTIONS }, deployRegistry),
}
