import type { RunnerStatement, Verification } from '../verification.ts'

/** What the proxy verified, for the person who runs it. No script, no link to anywhere. */
export function statusPage(verification: Verification): string {
  const { status, gateway, allowlist, runners, refused, warnings } = verification
  const rows = runners.map(runnerRow).join('')
  const reasons = refused.map(
    ({ runner, reason }) => `<li>${escapeHtml(`${runner}: ${reason}`)}</li>`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>cocoon connect: ${status}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ccc }
code { overflow-wrap: anywhere } .verified { color: #06662b } .simulated, .none { color: #9a3412 }
</style>
<h1>Prompts are sealed on this machine</h1>
<p>Evidence: <strong class="${status}">${status}</strong>. Gateway: <code>${escapeHtml(gateway)}</code>, which relays only
sealed bodies of yours. Allowlist: ${escapeHtml(allowlist.source)}, version ${allowlist.version}.</p>
<ul>${warnings.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>
<h2>Runners verified by this proxy</h2>
<table>
<tr><th>Runner<th>Model<th>Hardware<th>Keys no older than<th>Image<th>Suite<th>Checks<th>Valid until</tr>
${rows}
</table>
${reasons.length === 0 ? '' : `<h2>Refused</h2><ul>${reasons.join('')}</ul>`}
`
}

function runnerRow(runner: RunnerStatement): string {
  const cells = [
    runner.id,
    runner.model,
    `${runner.technology} ${runner.tcb} ${runner.gpus.join(', ')}`,
    new Date(runner.keysSince * 1000).toISOString(),
    runner.imageHash,
    runner.suite,
    `${runner.checks.passed} passed, ${runner.checks.skipped.length} skipped`,
    new Date(runner.validUntil * 1000).toISOString(),
  ]
  return `<tr>${cells.map((text) => `<td><code>${escapeHtml(text)}</code>`).join('')}</tr>\n`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
}
