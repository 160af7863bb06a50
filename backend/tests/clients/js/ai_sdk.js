// AI SDK 6 with its provider for OpenAI-compatible servers.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { DESCRIPTION, SUNNY, WEATHER, run } from "./program.js";

function asked(ask) {
  const provider = createOpenAICompatible({
    name: "lam",
    baseURL: `${ask.url}/v1`,
    apiKey: ask.key,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
  return { model: provider(ask.model), maxRetries: 0 };
}

const about = (usage, finish) => ({ usage: [usage.inputTokens, usage.outputTokens], finish });

async function whole(ask, said) {
  const found = await generateText({ ...asked(ask), prompt: ask.prompt });
  said.push(found.text);
  return about(found.usage, found.finishReason);
}

async function stream(ask, said) {
  let failure;
  const found = streamText({ ...asked(ask), prompt: ask.prompt, onError: ({ error }) => (failure = error) });
  for await (const text of found.textStream) said.push(text);
  if (failure) throw failure;
  return about(await found.usage, await found.finishReason);
}

async function tools(ask, said) {
  const calls = [];
  const get_weather = tool({
    description: DESCRIPTION,
    inputSchema: jsonSchema(WEATHER),
    execute: async (input) => {
      calls.push(input);
      return SUNNY;
    },
  });
  const found = streamText({ ...asked(ask), prompt: ask.prompt, tools: { get_weather }, stopWhen: stepCountIs(3) });
  for await (const text of found.textStream) said.push(text);
  const [first] = await found.steps;
  return { name: first.toolCalls[0].toolName, arguments: calls[0], finish: first.finishReason };
}

async function schema(ask) {
  const output = Output.object({ schema: z.object({ city: z.string(), people: z.int() }) });
  const found = await generateText({ ...asked(ask), prompt: ask.prompt, output });
  return { value: found.output };
}

async function picture(ask, said) {
  const content = [
    { type: "text", text: ask.prompt },
    { type: "image", image: Buffer.from(ask.picture, "base64"), mediaType: "image/png" },
  ];
  said.push((await generateText({ ...asked(ask), messages: [{ role: "user", content }] })).text);
  return {};
}

async function abort(ask, said) {
  const controller = new AbortController();
  const found = streamText({ ...asked(ask), prompt: ask.prompt, abortSignal: controller.signal, onError: () => {} });
  for await (const text of found.textStream) {
    said.push(text);
    controller.abort();
    break;
  }
  return {};
}

await run({ whole, stream, tools, schema, picture, abort, limited: whole, broken: stream });
