// openai (Node), as its readme shows it.
import OpenAI from "openai";
import { DESCRIPTION, SUNNY, TOWN, WEATHER, dataUri, run } from "./program.js";

const client = (ask) => new OpenAI({ baseURL: `${ask.url}/v1`, apiKey: ask.key, maxRetries: 0 });
const question = (ask) => ({ model: ask.model, messages: [{ role: "user", content: ask.prompt }] });

async function whole(ask, said) {
  const found = await client(ask).chat.completions.create(question(ask));
  said.push(found.choices[0].message.content);
  return { usage: [found.usage.prompt_tokens, found.usage.completion_tokens], finish: found.choices[0].finish_reason };
}

async function stream(ask, said) {
  let usage = null;
  let finish = null;
  const chunks = await client(ask).chat.completions.create({ ...question(ask), stream: true, stream_options: { include_usage: true } });
  for await (const chunk of chunks) {
    for (const choice of chunk.choices) {
      said.push(choice.delta.content ?? "");
      finish = choice.finish_reason ?? finish;
    }
    if (chunk.usage) usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens];
  }
  return { usage, finish };
}

async function tools(ask, said) {
  const asked = question(ask);
  asked.tools = [{ type: "function", function: { name: "get_weather", description: DESCRIPTION, parameters: WEATHER } }];
  const events = client(ask).chat.completions.stream(asked);
  const first = (await events.finalChatCompletion()).choices[0];
  const [call] = first.message.tool_calls;
  asked.messages.push(
    { role: "assistant", content: first.message.content, tool_calls: [call] },
    { role: "tool", tool_call_id: call.id, content: SUNNY },
  );
  const found = await client(ask).chat.completions.create(asked);
  said.push(found.choices[0].message.content);
  return { name: call.function.name, arguments: JSON.parse(call.function.arguments), finish: first.finish_reason };
}

async function schema(ask) {
  const response_format = { type: "json_schema", json_schema: { name: "town", schema: TOWN, strict: true } };
  const found = await client(ask).chat.completions.create({ ...question(ask), response_format });
  return { value: JSON.parse(found.choices[0].message.content) };
}

async function picture(ask, said) {
  const asked = question(ask);
  asked.messages[0].content = [
    { type: "text", text: ask.prompt },
    { type: "image_url", image_url: { url: dataUri(ask) } },
  ];
  said.push((await client(ask).chat.completions.create(asked)).choices[0].message.content);
  return {};
}

async function abort(ask, said) {
  const chunks = await client(ask).chat.completions.create({ ...question(ask), stream: true });
  for await (const chunk of chunks) {
    const text = chunk.choices[0]?.delta.content;
    if (text) {
      said.push(text);
      break;
    }
  }
  return {};
}

await run({ whole, stream, tools, schema, picture, abort, limited: whole, broken: stream });
