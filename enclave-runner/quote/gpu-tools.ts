import { execFile } from 'node:child_process'
import { QuoteError } from './quote-error.ts'

export type GpuTool = 'nvattest' | 'nvidia-smi'

/**
 * Runs one of NVIDIA's tools to its end.
 * @returns what it printed
 * @throws QuoteError `device_missing` without the tool, `device_failed` when it fails or takes too long
 */
export type RunGpuTool = (tool: GpuTool, args: readonly string[]) => Promise<string>

/** An SPDM exchange takes below a second for each GPU: longer means that the driver hangs. */
const LIMIT_MS = 60_000
/** Eight GPUs with their certificate chains take 200 KB. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024

/**
 * The tools of the measured image, in a folder that the image fixes. Nothing of the process's environment reaches
 * them: it is the host's (C3).
 */
export function gpuTools(folder: string): RunGpuTool {
  return (tool, args) =>
    new Promise((resolve, reject) => {
      const options = {
        env: { PATH: '/usr/bin:/bin' },
        timeout: LIMIT_MS,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT_BYTES,
      } as const
      execFile(`${folder}/${tool}`, args, options, (error, output) => {
        if (error === null) resolve(output)
        else reject(failureOf(tool, error))
      })
    })
}

function failureOf(tool: GpuTool, cause: Error & { code?: unknown; killed?: boolean }): QuoteError {
  if (cause.code === 'ENOENT') {
    return new QuoteError('device_missing', `${tool} is not installed in the image`, { cause })
  }
  const how = cause.killed === true ? 'took too long' : 'failed'
  return new QuoteError('device_failed', `${tool} ${how}`, { cause })
}
