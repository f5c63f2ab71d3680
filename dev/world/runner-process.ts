import { fromHex } from '#base/bytes.ts'
import { parseNano } from '#base/nano.ts'
import { verifyBits, voucherBits, webSha256, webVerify } from '#contracts/pure'
import {
  processDeps,
  type RunnerConfig,
  startRunner,
  type VerifyVoucher,
} from '#enclave-runner/main.ts'
import { type AmdForgeData, openAmdForge } from '../forge/amd.ts'
import { runPart } from './part.ts'
import { simulatedQuoter } from './simulated-quoter.ts'

export interface RunnerSettings {
  readonly config: RunnerConfig
  readonly forge: AmdForgeData
}

export interface RunnerReady {
  readonly origin: string
}

/** Whether the meter key really signed a voucher: the runner works on credit only as far as this says yes (H20). */
const verifyVoucher: VerifyVoucher = (voucher, meterKey) =>
  verifyBits(
    {
      cell: voucherBits({
        till: voucher.till,
        payee: voucher.payee,
        cumulative: parseNano(voucher.cumulative),
      }),
      signature: fromHex(voucher.signature),
      publicKey: fromHex(meterKey),
    },
    { sha256: webSha256, verify: webVerify },
  )

runPart<RunnerSettings, RunnerReady>(async ({ config, forge }) => {
  const quoter = simulatedQuoter(await openAmdForge(forge))
  const runner = await startRunner(config, { ...processDeps(), quoter, verifyVoucher })
  return { ready: { origin: runner.origin }, close: () => runner.close() }
})
