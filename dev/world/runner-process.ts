import { fromHex } from '#base/bytes.ts'
import { parseNano } from '#base/nano.ts'
import { verifyBits, voucherBits, webSha256, webVerify } from '#contracts/pure'
import {
  processDeps,
  type RunnerConfig,
  startRunner,
  type VerifyVoucher,
} from '#enclave-runner/main.ts'
import { runPart } from './part.ts'
import { openSimulatedTee, type SimulatedTeeData, simulatedQuoter } from './simulated-tee.ts'

export interface RunnerSettings {
  readonly config: RunnerConfig
  readonly tee: SimulatedTeeData
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

runPart<RunnerSettings, RunnerReady>(async ({ config, tee }) => {
  const quoter = simulatedQuoter(await openSimulatedTee(tee))
  const runner = await startRunner(config, { ...processDeps(), quoter, verifyVoucher })
  return { ready: { origin: runner.origin }, close: () => runner.close() }
})
