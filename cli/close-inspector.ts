import inspector from 'node:inspector'

/**
 * Node opens a debugger to whoever may send SIGUSR1, and shows it every prompt in memory. A handler of our own takes
 * that signal; in production a debugger that is open already is closed (M18).
 */
export function closeInspector(env: NodeJS.ProcessEnv): void {
  process.on('SIGUSR1', () => {})
  if (env['NODE_ENV'] === 'production' && inspector.url() !== undefined) inspector.close()
}
