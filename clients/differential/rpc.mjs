// JSON-RPC over HTTP, many requests to a call.

const AT_ONCE = 200;

export class RpcError extends Error {
  constructor(method, { code, message, data }) {
    super(`${method}: ${message} (${code})`);
    Object.assign(this, { code, data });
  }
}

export class Rpc {
  #url;

  constructor(url) {
    this.#url = url;
  }

  // Answers of [method, params] in order; an error where one failed.
  async each(calls) {
    const answers = [];
    for (let from = 0; from < calls.length; from += AT_ONCE) {
      const part = calls.slice(from, from + AT_ONCE);
      const body = part.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }));
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(60_000),
      });
      if (!response.ok) throw new Error(`${this.#url}: HTTP ${response.status}`);
      const got = await response.json();
      if (!Array.isArray(got)) throw new RpcError(part[0][0], got.error);
      got.sort((a, b) => a.id - b.id);
      const read = ({ error, result }, at) => (error ? new RpcError(part[at][0], error) : result);
      answers.push(...got.map(read));
    }
    return answers;
  }

  async all(calls) {
    const answers = await this.each(calls);
    for (const answer of answers) if (answer instanceof RpcError) throw answer;
    return answers;
  }

  async ask(method, ...params) {
    const [answer] = await this.all([[method, params]]);
    return answer;
  }
}
