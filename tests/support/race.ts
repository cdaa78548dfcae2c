/** Lets the calls meet, and tells what those that won were answered, and with what the others were refused. */
export async function race<T>(calls: readonly Promise<T>[]): Promise<{ won: T[]; lost: unknown[] }> {
  const answers = await Promise.allSettled(calls);
  return {
    won: answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
    lost: answers.flatMap((answer): unknown[] => (answer.status === 'rejected' ? [answer.reason] : [])),
  };
}
