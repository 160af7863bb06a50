/** JSON in lines, as a body brings it: cut into pieces anywhere. */

/** The value of each line; a last line without an end is a value too. Throws SyntaxError for one that is not JSON. */
export async function* values<T>(body: ReadableStream<Uint8Array>): AsyncGenerator<T> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const pieces = (rest + decoder.decode(value, { stream: !done })).split("\n");
      rest = done ? "" : (pieces.pop() ?? "");
      for (const piece of pieces) if (piece.trim() !== "") yield JSON.parse(piece) as T;
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
