import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { until, type Patience } from '../until.js';

export type Receiver = 'pagerduty' | 'opsgenie' | 'slack' | 'mail';

/** Something that arrived: who got it, whether it begins or ends, and everything in it. */
export interface Notice {
  receiver: Receiver;
  status: 'firing' | 'resolved';
  /** Names of alerts that it is about, as far as it tells them. */
  text: string;
  /** For HTTP what was asked, `POST /v2/alerts`; for mail its subject. */
  subject: string;
  body: unknown;
}

/** Doubles of the services that wake people: what Alertmanager sends them is kept. */
export interface Receivers {
  /** The base of PagerDuty, Opsgenie and Slack. */
  url: string;
  /** The mail server, as `127.0.0.1:2525`. */
  smarthost: string;
  notices: Notice[];
  /** Waits for a notice that mentions an alert. */
  arrived(receiver: Receiver, status: Notice['status'], alertname: string, patience?: Patience): Promise<Notice>;
  close(): Promise<void>;
}

export async function startReceivers(): Promise<Receivers> {
  const notices: Notice[] = [];
  const http = createHttpServer((request, response) => {
    void read(request).then((text) => {
      const notice = understand(`${request.method} ${request.url}`, text);
      if (notice !== undefined) notices.push(notice);
      response.statusCode = notice === undefined ? 404 : 202;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ status: 'success', result: 'Request will be processed' }));
    });
  });
  const mail = createTcpServer((socket) => takeMail(socket, (message) => notices.push(asNotice(message))));
  const ports = await Promise.all(
    [http, mail].map(async (server) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as { port: number }).port;
    }),
  );
  return {
    url: `http://127.0.0.1:${ports[0]}`,
    smarthost: `127.0.0.1:${ports[1]}`,
    notices,
    arrived: (receiver, status, alertname, patience) =>
      until(
        `${alertname} arrives at ${receiver} as ${status}`,
        () =>
          notices.find(
            (notice) => notice.receiver === receiver && notice.status === status && notice.text.includes(alertname),
          ),
        {
          instead: () => notices.map(({ body, ...notice }) => notice.subject + JSON.stringify(body).slice(0, 80)),
          ...patience,
        },
      ),
    close: async () => {
      http.closeAllConnections();
      for (const server of [http, mail]) server.close();
      await Promise.all([once(http, 'close'), once(mail, 'close')]);
    },
  };
}

async function read(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** PagerDuty's Events v2, Opsgenie's alerts, and a webhook of Slack. */
function understand(subject: string, text: string): Notice | undefined {
  const notice = (receiver: Receiver, resolved: boolean): Notice => ({
    receiver,
    status: resolved ? 'resolved' : 'firing',
    text,
    subject,
    body: JSON.parse(text || '{}'),
  });
  if (subject === 'POST /pagerduty') return notice('pagerduty', text.includes('"event_action":"resolve"'));
  if (subject.startsWith('POST /opsgenie/v2/alerts')) return notice('opsgenie', subject.includes('/close'));
  if (subject === 'POST /slack') return notice('slack', /"title":"[^"]*resolved/i.test(text));
  return undefined;
}

/** As much of SMTP as a mail needs. */
function takeMail(socket: Socket, keep: (message: string) => void): void {
  let pending = '';
  let message: string | undefined;
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  const hear = (line: string): void => {
    if (message !== undefined) {
      if (line !== '.') message += `${line}\n`;
      else {
        keep(message);
        message = undefined;
        say('250 Kept');
      }
      return;
    }
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'DATA') {
      message = '';
      return say('354 Go on');
    }
    say(verb === 'QUIT' ? '221 Bye' : '250 Fine');
    if (verb === 'QUIT') socket.end();
  };
  say('220 double');
  socket.on('data', (chunk: Buffer) => {
    const lines = `${pending}${chunk.toString()}`.split('\r\n');
    pending = lines.pop()!;
    lines.forEach(hear);
  });
  socket.on('error', () => socket.destroy());
}

function asNotice(message: string): Notice {
  const subject = /^Subject: (.*)$/m.exec(message)?.[1] ?? '';
  return {
    receiver: 'mail',
    status: /resolved/i.test(subject) ? 'resolved' : 'firing',
    text: message,
    subject,
    body: message,
  };
}
