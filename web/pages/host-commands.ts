/** What a host types, in the order in which it helps: a test holds the flags to those of the commands. */
export function hostCommands(origin: string): string {
  const settings = `--model ID --wallet ADDRESS --gateways ${origin}`
  return `npx -p cocoon-gateway cocoon doctor ${settings}
npx -p cocoon-gateway cocoon runner ${settings}`
}
