import type { Names } from './fill.ts'

/** How a line of a document is tried. */
export type Step = Run | Serve | Export | Elsewhere | NotRun

interface Typed {
  /** Exactly as it stands in the documents, continued lines joined and comments taken off. */
  readonly line: string
}

interface Tried extends Typed {
  /** Flags that this machine needs beyond what the reader types: its hardware is simulated, its chain is not mainnet. */
  readonly also?: string
  /** What the placeholders of this line stand for, where that differs from the usual. */
  readonly names?: Names
}

/** It ends by itself. */
export interface Run extends Tried {
  /** What it prints. */
  readonly says: RegExp
  /** Default 0. */
  readonly exit?: number
  /** What later lines call by these names: the first group in the output. */
  readonly keeps?: Readonly<Record<string, RegExp>>
  /** The gateway is reached through TLS, as a production runner wants it. */
  readonly tls?: true
  /** A document says that it takes some seconds until it prints that: the reader types it again. */
  readonly soon?: true
  /** What comes from outside before it can be typed. */
  readonly after?: 'money for the admin' | 'money for the account'
}

/** It goes on until somebody interrupts it. */
export interface Serve extends Tried {
  /** What it prints once it serves. */
  readonly serves: RegExp
  /** In a folder and at ports of its own, beside the world that runs already. */
  readonly alone?: true
}

/** It sets variables of the reader's shell. */
export interface Export extends Typed {
  readonly exports: true
}

/** Another test types it, or does what it does. */
export interface Elsewhere extends Typed {
  readonly shownBy: string
}

/** Nothing of ours runs it. */
export interface NotRun extends Typed {
  readonly notRun: string
}

const SIMULATED = '--simulation .cocoon/simulation.json'
const CLAIMS = `--registry REGISTRY ${SIMULATED}`
const BUILD =
  'needs root, Debian’s archive and minutes; the parts of it that need neither have tests'
const SUITE = 'runs the tests that this is one of'
const VECTORS =
  '`cli/commands/verify.test.ts` “every vector prints id, expected and got, and the last line is the total”'

/** What the README alone lets a newcomer do: a sealed chat, verified evidence, a redeemed voucher. */
export const FIRST_STEPS: readonly Step[] = [
  {
    line: 'npm run example examples/sealed.ts',
    says: /^receipt: [1-9]\d* tokens for [1-9]\d* nanoTON/m,
  },
  { line: 'npx cocoon verify http://127.0.0.1:8790 --dev', says: /simulated/, exit: 3 },
  { line: 'npx cocoon runner status', says: /redeemed +0\.0*[1-9]/, soon: true },
]

/** The others, in an order in which they work: later lines use what earlier ones made. */
const OTHER_STEPS: readonly Step[] = [
  { line: 'npm run start:worker', serves: /base URL +http/, alone: true },
  { line: 'npx cocoon connect --dev', serves: /base URL +http/, also: '--port 0' },

  // Developers.
  { line: 'npm run example examples/openai.ts', says: /^(?:answer|stream): \S/m },
  { line: 'npx cocoon keys new --out account.json --mode managed', says: /account.json/ },
  {
    line: 'cocoon keys show account.json',
    says: /memo/,
    keeps: { ACCOUNT: /account +(\w+)/ },
  },
  {
    line: 'npx cocoon keys register account.json --gateway https://gateway.example',
    says: /shown once/,
  },
  { line: 'cocoon keys new --mode managed', says: /memo/, also: '--out second.json' },
  { line: 'cocoon keys new --mode sovereign', says: /account/, also: '--out sovereign.json' },
  {
    line: 'export COCOON_BASE_URL=https://gateway.example/v1 COCOON_API_KEY=sk-coc-…',
    exports: true,
  },
  {
    line: 'npx cocoon keys create --name ci --budget-month 5 --rpm 60 --expires 2027-12-31',
    says: /sk-coc-/,
    keeps: { KEY_ID: /(key_\w+)/ },
  },
  { line: 'npx cocoon keys list', says: /requests\/min 60/ },
  { line: 'npx cocoon keys rotate KEY_ID', says: /sk-coc-/, keeps: { KEY_ID: /(key_\w+)/ } },
  { line: 'npx cocoon keys revoke KEY_ID', says: /key_/ },
  { line: 'npx cocoon keys usage --by day,key --csv', says: /^day,key_id,requests/ },
  { line: 'npx cocoon keys balance', says: /available +\d/ },
  {
    line: 'npx cocoon connect --gateway https://gateway.example/v1 --ton-endpoint https://toncenter.com/api/v2/jsonRPC --ton-endpoint https://another.example/jsonRPC',
    serves: /base URL +http/,
    also: `--port 0 ${CLAIMS}`,
  },
  {
    line: 'cocoon connect --account FILE',
    serves: /base URL +http/,
    also: '--port 0 --dev --till TILL --fee-bps FEE_BPS',
    names: { FILE: 'sovereign.json' },
  },
  {
    line: 'npx cocoon verify https://gateway.example/v1/aci/receipts/ID --endpoint https://toncenter.com/api/v2/jsonRPC',
    says: /simulated/,
    exit: 3,
    also: CLAIMS,
    names: { ID: 'RECEIPT' },
  },
  {
    line: "npx cocoon verify 'https://gateway.example/v1/aci/receipts/ID?by=gateway' --endpoint https://toncenter.com/api/v2/jsonRPC --request sent.json --response came.json",
    shownBy:
      '`cli/commands/verify-gateway.test.ts` “a gateway’s own receipt stands on its evidence, the session, the runner’s receipt and the bodies”',
  },
  {
    line: 'cocoon till reserves',
    says: /holds|in the sum/,
    also: '--gateway https://gateway.example',
  },
  {
    line: 'npx cocoon till exit --account account.json --to ADDRESS --till TILL --endpoint mainnet --wallet wallet.txt',
    says: /exit/,
    after: 'money for the account',
  },
  {
    line: 'npx cocoon till finish-exit --account account.json --till TILL --endpoint mainnet --wallet wallet.txt',
    says: /may be finished from/,
    exit: 2,
  },
  {
    line: 'cocoon till cancel-exit',
    says: /exit/,
    also: '--account account.json --wallet wallet.txt',
  },

  // Auditors.
  {
    line: 'npx cocoon verify https://gateway.example/v1/aci/sessions/ID --endpoint https://toncenter.com/api/v2/jsonRPC --endpoint https://another.example/jsonRPC --save-bundle kept.json',
    says: /simulated/,
    exit: 3,
    also: CLAIMS,
  },
  {
    line: 'npx cocoon verify kept.json --bundle kept.json --any-image',
    says: /simulated/,
    exit: 3,
    also: SIMULATED,
  },
  { line: 'npx cocoon till status --till TILL --endpoint mainnet', says: /meter key +\w{64}/ },
  { line: 'cocoon till status', says: /meter key +\w{64}/ },
  { line: 'cocoon till account ID', says: /available/, names: { ID: 'ACCOUNT' } },
  {
    line: 'npx cocoon audit --gateway http://127.0.0.1:8787 --till TILL --endpoint mainnet',
    says: /every invariant holds/,
  },
  { line: 'npx cocoon audit', says: /every invariant holds/ },
  {
    line: 'npx cocoon registry show --registry REGISTRY --endpoint mainnet',
    says: /image +\w{64} active/,
  },
  { line: 'cocoon registry show', says: /image +\w{64} active/ },
  { line: 'npx cocoon page https://gateway.example', says: /serves the page of this release/ },
  { line: 'cocoon measure --inputs', says: /measured/ },
  { line: 'npx cocoon measure --inputs', says: /not stopped|measured/ },
  {
    line: 'npx cocoon measure OUT --processors 8',
    shownBy:
      '`cli/commands/measure.test.ts` “prints registers and image hashes of both technologies, and marks what is unverified”',
  },
  {
    line: 'npx cocoon key-service --gateway https://gateway.example --image HASH --keys gateway-keys.env --signer service.key --listen 10.0.0.2',
    shownBy:
      '`cli/commands/key-service.test.ts` “what it prints is all that a gateway needs to get its keys”',
  },
  {
    line: 'cocoon weights --verity ROOT',
    shownBy:
      '`cli/commands/weights.test.ts` “of a volume under dm-verity follow from its root hash”',
  },
  {
    line: 'npx cocoon weights DIR --model ID',
    shownBy:
      '`cli/commands/weights.test.ts` “of a file are its sha256sum; with a model comes the Registry’s entry”',
  },
  { line: 'cocoon verify --vectors DIR', shownBy: VECTORS },
  { line: 'cocoon verify --vectors', shownBy: VECTORS },
  {
    line: 'node contracts/compile.ts',
    shownBy: '`contracts/build.test.ts` “the committed code of %s is what its sources compile to”',
  },

  // Hosts. Where there is no confidential hardware each command says so, and what to do.
  {
    line: 'npx cocoon doctor --model ID --wallet ADDRESS --gateways https://gateway.example --endpoint mainnet',
    says: /tee\.device|tsm/,
    exit: 1,
    tls: true,
    also: '--weights models/tiny-demo.gguf',
    names: { ID: 'MODEL' },
  },
  {
    line: 'npx cocoon registry request --out request.json --model ID --wallet ADDRESS --gateways https://gateway.example',
    says: /tee\.device|tsm/,
    exit: 1,
    tls: true,
    also: '--weights models/tiny-demo.gguf',
    names: { ID: 'MODEL' },
  },
  {
    line: 'npx cocoon runner --model ID --wallet ADDRESS --gateways https://gateway.example',
    says: /tee\.device|tsm/,
    exit: 1,
    tls: true,
    also: '--weights models/tiny-demo.gguf',
    names: { ID: 'MODEL' },
  },
  {
    line: 'npx cocoon runner status --wallet ADDRESS --gateways https://gateway.example',
    says: /redeemed +0\.0*[1-9]/,
  },
  { line: 'curl -fsS https://gateway.example/v1/hosts/ADDRESS > pack.json', says: /^$/ },
  {
    line: 'npx cocoon till redeem pack.json --till TILL --endpoint mainnet --wallet wallet.txt',
    says: /has been paid all/,
  },
  { line: 'sudo enclave-runner/image/build.sh OUT', notRun: BUILD },
  {
    line: 'enclave-runner/image/launch-sev-snp.sh OUT host-settings',
    notRun: 'needs a host with AMD SEV-SNP',
  },
  {
    line: 'cd models/train && python3 train.py 7 ../tiny-demo.gguf',
    notRun: 'needs PyTorch and seven minutes; the hash of its result stands in models/README.md',
  },

  // Operators: a Till and a Registry of their own.
  { line: 'npx cocoon wallet new --out admin.txt', says: /wrote 24 words/ },
  {
    line: 'npx cocoon wallet key --wallet meter.txt',
    says: /^\w{64}$/m,
    keeps: { METER: /^(\w{64})$/m },
  },
  {
    line: 'npx cocoon registry deploy --owner ADDRESS --guardian ADDRESS --delay-hours 48 --wallet admin.txt --endpoint mainnet',
    after: 'money for the admin',
    says: /REGISTRY_ADDRESS=/,
    keeps: { REGISTRY: /REGISTRY_ADDRESS=(\S+)/ },
    names: { ADDRESS: 'ADMIN' },
  },
  {
    line: 'npx cocoon till deploy --meter-secret meter.txt --admin ADDRESS --daily-cap 100 --max-fee-bps 3000 --wallet admin.txt --endpoint mainnet --dry-run',
    says: /would send +3 TON/,
    names: { ADDRESS: 'ADMIN' },
  },
  {
    line: 'npx cocoon till deploy --meter-secret meter.txt --admin ADDRESS --daily-cap 100 --max-fee-bps 3000 --wallet admin.txt --endpoint mainnet',
    says: /TILL_ADDRESS=/,
    keeps: { OWN_TILL: /TILL_ADDRESS=(\S+)/ },
    names: { ADDRESS: 'ADMIN' },
  },
  {
    line: 'npx cocoon registry add till HASH',
    says: /\w/,
    also: '--registry REGISTRY --wallet admin.txt',
    names: { HASH: 'TILL_HASH' },
  },
  {
    line: 'npx cocoon registry add meterKey HASH',
    says: /\w/,
    also: '--registry REGISTRY --wallet admin.txt',
    names: { HASH: 'METER' },
  },
  {
    line: 'cocoon registry revoke platform HASH',
    says: /\w/,
    also: '--registry REGISTRY --wallet admin.txt',
    names: { HASH: 'METER' },
  },
  {
    line: 'npx cocoon verify request.json --bundle request.json --image HASH',
    shownBy:
      '`cli/commands/doctor.test.ts` “writes what the owner verifies offline, and the entries that would admit it”',
  },
  {
    line: `sqlite3 /var/lib/cocoon/cocoon-gateway.db "VACUUM INTO '/backup/cocoon-gateway-$(date +%s).db'"`,
    says: /^$/,
  },
  {
    line: 'npx cocoon export --to FILE',
    shownBy:
      '`cli/moving/moving.test.ts` “everything moves from SQLite to Durable Objects and back, to the nanoTON and to the key”',
  },
  {
    line: 'npx cocoon import --from FILE --gateway URL',
    shownBy:
      '`cli/moving/moving.test.ts` “everything moves from SQLite to Durable Objects and back, to the nanoTON and to the key”',
  },
  {
    line: 'cocoon import --from move.stream',
    shownBy:
      '`cli/moving/moving.test.ts` “everything moves from SQLite to Durable Objects and back, to the nanoTON and to the key”',
  },

  // Incidents, at a Till of their own.
  { line: 'cocoon till freeze', says: /frozen/, also: '--till OWN_TILL --wallet admin.txt' },
  {
    line: 'cocoon till rotate --to HEX --drop-previous',
    says: /announced|rotat/,
    also: '--till OWN_TILL --wallet admin.txt',
    names: { HEX: 'NEXT_METER' },
  },
  {
    line: 'cocoon till activate',
    says: /may be activated from/,
    exit: 2,
    also: '--till OWN_TILL --wallet admin.txt',
  },

  // This project itself.
  {
    line: 'npm start',
    shownBy:
      '`tests/flows/examples.test.ts` “sealed.ts verifies, seals, and gets the receipt of what it paid”',
  },
  {
    line: 'npm install && npm start',
    shownBy:
      '`tests/flows/examples.test.ts` “sealed.ts verifies, seals, and gets the receipt of what it paid”',
  },
  {
    line: 'npx -p cocoon-gateway cocoon …',
    shownBy: '`tests/package.test.ts` “runs its commands outside a checkout”',
  },
  {
    line: 'node dev/write-env-example.ts',
    shownBy:
      '`tests/env-example.test.ts` “.env.example names every setting with its present meaning and default”',
  },
  {
    line: 'npm sbom --sbom-format cyclonedx --omit dev',
    notRun:
      'wants a real node_modules, which the folder of this test links; tests/supply-chain.test.ts reads the same',
  },
  { line: 'npm audit', notRun: 'the registry that tests reach does not offer it' },
  { line: 'npm install && npm test', notRun: SUITE },
  { line: 'npx vitest run gateway/ledger', notRun: SUITE },
  { line: 'npm run test:deep', notRun: SUITE },
  { line: 'npm run types', notRun: SUITE },
  {
    line: 'npm run format',
    notRun: 'rewrites the sources; its check is the first part of npm test',
  },
  { line: 'npm run bench', notRun: 'minutes, and it prints figures that no test may judge' },
  {
    line: 'npm run bench -- --only relay',
    notRun: 'minutes, and it installs Portkey from the registry beside us',
  },
  { line: 'npm run bench -- --only seal', notRun: 'it prints figures that no test may judge' },
  {
    line: 'node bench/flame.ts',
    notRun: 'minutes of load, and pictures that no test may judge',
  },
  {
    line: 'npm run bench -- --quick --only relay,ledger',
    notRun:
      'it installs Portkey from the registry beside us, and prints figures that no test may judge',
  },
  {
    line: 'node bench/versus.ts <folder of another checkout>',
    notRun: 'wants a second checkout and minutes, and prints figures that no test may judge',
  },
  {
    line: 'node bench/load/main.ts',
    notRun: 'holds thousands of streams for half an hour, which no machine of tests has',
  },
  {
    line: 'npm run bench -- --only objects',
    notRun: 'minutes, and it prints figures that no test may judge',
  },
]

export const STEPS: readonly Step[] = [...FIRST_STEPS, ...OTHER_STEPS]
