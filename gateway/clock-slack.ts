/** How far the clock of a machine that shows a keyset (a runner, a gateway) may be from the clock here. */
export const CLOCK_SLACK_SECONDS = 60
