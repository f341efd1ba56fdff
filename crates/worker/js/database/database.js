// Postgres through node-postgres, the driver that Hyperdrive supports. Bundled by `cargo xtask build`, because it is many
// files in another module format.
//
// Promises: a call is one statement on one connection, sent once; after `timeoutMs` it is given up together with its
// connection; a connection that failed is never used again.
import Client from "pg/lib/client.js";
import { CloudflareSocket } from "pg-cloudflare";

// pg corks its stream around the five messages of a statement. Its socket for Workers ignores that and writes each by itself;
// here they leave as one.
class CorkedSocket extends CloudflareSocket {
  held = null;

  cork() {
    this.held = [];
  }

  uncork() {
    const { held } = this;
    this.held = null;
    if (held?.length) super.write(Buffer.concat(held));
  }

  write(data, encoding, callback) {
    if (!this.held) return super.write(data, encoding, callback);
    this.held.push(typeof data === "string" ? Buffer.from(data) : data);
    return true;
  }
}

// One unnamed statement; its answer is one text, read by Rust.
const STATEMENT = { rowMode: "array", queryMode: "extended", types: { getTypeParser: () => (text) => text } };

// How long a connection waits for the next call. A workflow waits most of its minutes for providers, and the pooler's connections
// are few; the calls that follow each other share one.
const IDLE_MS = 1_000;

// Sends the statement once the client has answered those before: it takes one at a time. Nothing is sent for a call that was
// given up meanwhile: its caller has been told that it failed.
function inTurn(client, statement, isGivenUp) {
  const before = client.turn ?? Promise.resolve();
  client.turn = before
    .catch(() => {})
    .then(() => {
      if (isGivenUp()) throw new Error("given up before it was sent");
      return client.query(statement);
    });
  return client.turn;
}

// What Rust is told of an error. A message is left out: it could quote a value.
function fault(error) {
  if (!error?.severity) return { sqlstate: "", names: "", isFatal: true }; // not the database's word: the connection failed
  const names = [error.table, error.column, error.constraint, error.routine];
  return { sqlstate: error.code ?? "", names: names.filter(Boolean).join(" "), isFatal: error.severity !== "ERROR" };
}

export class Database {
  #hyperdrive;
  #timeoutMs;
  #kept; // the client that calls share, and a promise of its connection
  #calls = 0; // that wait for their answer
  #idle; // the timer that ends a connection without calls

  constructor(hyperdrive, timeoutMs) {
    this.#hyperdrive = hyperdrive;
    this.#timeoutMs = timeoutMs;
  }

  // The one text that the statement answers. Rejects with `fault`.
  async query(text, values) {
    clearTimeout(this.#idle);
    this.#calls += 1;
    const connection = (this.#kept ??= this.#connect());
    let isGivenUp = false;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer in time")), this.#timeoutMs);
    });
    try {
      const statement = { ...STATEMENT, text, values };
      const answer = connection.ready.then(() => inTurn(connection.client, statement, () => isGivenUp));
      answer.catch(() => {}); // it may lose the race and fail later
      const { rows } = await Promise.race([answer, late]);
      return rows[0][0];
    } catch (error) {
      isGivenUp = true;
      if (error?.severity !== "ERROR") this.#close(connection); // after FATAL, PANIC, or silence it is unusable
      throw fault(error);
    } finally {
      clearTimeout(timer);
      this.#calls -= 1;
      if (this.#calls === 0) this.#idle = setTimeout(() => this.end(), IDLE_MS);
    }
  }

  // Closes the connection that calls share, if there is one.
  end() {
    clearTimeout(this.#idle);
    if (this.#kept) this.#close(this.#kept);
  }

  #connect() {
    const { host, port, user, password, database } = this.#hyperdrive;
    const client = new Client({ host, port, user, password, database, stream: () => new CorkedSocket(false) });
    const connection = { client, ready: client.connect() };
    connection.ready.catch(() => {}); // whoever waits for it hears of it
    // Without a listener, a lost socket would be an uncaught error.
    client.on("error", () => this.#close(connection));
    client.on("end", () => this.#close(connection));
    return connection;
  }

  #close(connection) {
    if (this.#kept === connection) this.#kept = undefined;
    connection.client.end().catch(() => {}); // also while it is still connecting, which may never end
  }
}
