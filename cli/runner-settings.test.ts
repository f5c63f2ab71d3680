import { expect, test } from 'vitest'
import { friendlyAddress } from '#contracts/pure'
import { hostCommands } from '#web/pages/host-commands.ts'
import { UsageError } from './command.ts'
import { parseArguments } from './parse-arguments.ts'
import { RUNNER_FLAGS, rawWallet, readRunnerSettings } from './runner-settings.ts'
import { testIo } from './testing/test-io.ts'

const RAW = `0:${'ab'.repeat(32)}`
const IMAGE = { model: 'm', weights: 'model.gguf' }

function read(
  values: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
) {
  return readRunnerSettings(testIo({ env }), { ...IMAGE, ...values })
}

test.each([true, false])('a wallet is taken as wallets show it (bounceable: %s)', (bounceable) => {
  const wallet = friendlyAddress(RAW, { bounceable })
  const gateways = 'https://gateway.example'
  expect(read({ wallet, gateways }).payee).toBe(RAW)
  expect(read({ gateways }, { WALLET: wallet }).payee).toBe(RAW)
})

test.each([
  [
    'one wrong character',
    friendlyAddress(RAW).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    /a character of this address is wrong/,
  ],
  ['nonsense', 'my wallet', /not a TON address/],
  ['an address of the masterchain', `-1:${'ab'.repeat(32)}`, /workchain 0/],
  ['the zero address', `0:${'00'.repeat(32)}`, /nobody has the key/],
])('%s earns nothing', (_, wallet, message) => {
  expect(() => rawWallet(wallet)).toThrow(message)
})

test('what is missing is named with its flag', () => {
  expect(() => read({ wallet: RAW })).toThrow(
    /GATEWAYS is missing \(--gateways: origins of the gateways/,
  )
})

test.each(['NODE_OPTIONS', 'HTTPS_PROXY', 'NODE_EXTRA_CA_CERTS'])(
  'production refuses %s of the host’s environment (C3)',
  (name) => {
    const values = { wallet: RAW, gateways: 'https://gateway.example' }
    const development = { ...values, env: 'development' }
    expect(() => read(values, { [name]: 'x', HOME: '/root' })).toThrow(
      new UsageError(`${name} is refused in production`),
    )
    expect(read(development, { [name]: 'x' }).production).toBe(false)
  },
)

test('the page gives a host commands that production takes as they stand, but for weights', () => {
  const lines = hostCommands('https://gateway.example').replaceAll('ADDRESS', RAW).split('\n')
  expect(lines.map((line) => line.split(' ').slice(0, 5).join(' '))).toEqual([
    'npx -p cocoon-gateway cocoon doctor',
    'npx -p cocoon-gateway cocoon runner',
  ])
  for (const line of lines) {
    const { values } = parseArguments(line.split(' ').slice(5), { options: RUNNER_FLAGS })
    expect(readRunnerSettings(testIo(), { ...IMAGE, ...values })).toMatchObject({ payee: RAW })
  }
})
