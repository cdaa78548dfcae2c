import type { Command } from 'commander';
import {
  CreateProjectDocument,
  ListProjectsDocument,
  type ListedProjectFragment as ListedProject,
  type ListProjectsQuery,
} from '../client/operation.js';
import { PAGE_MAX_SIZE } from '../domain/limits.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { second } from './format.js';
import { cell, sayJson, sayRows } from './print.js';

const HEADING = ['SLUG', 'NAME', 'CREATED', 'LOG', 'ID'];

interface Options extends Endpoint {
  json: boolean;
}

interface CreateOptions extends Options {
  name?: string;
}

export function addProjects(program: Command): void {
  const projects = program.command('projects').description("the projects of a server: its own admin's affair");
  addEndpoint(projects.command('create <slug>').description('make a project'))
    .option('--name <name>', 'what people call it (default: the slug)')
    .option('--json', 'as one JSON document', false)
    .action(create);
  addEndpoint(projects.command('list').description('list the projects, the newest first'))
    .option('--json', 'as one JSON list', false)
    .action(list);
}

async function create(slug: string, { name, json, ...endpoint }: CreateOptions): Promise<void> {
  const { client } = await connect(endpoint);
  const { createProject } = await client.request(CreateProjectDocument, { input: { slug, name } });
  await (json ? sayJson(createProject.project) : sayRows(HEADING, [rowOf(createProject.project)]));
}

async function list({ json, ...endpoint }: Options): Promise<void> {
  const { client } = await connect(endpoint);
  const projects: ListedProject[] = [];
  let after: string | null | undefined = null;
  do {
    const page: ListProjectsQuery = await client.request(ListProjectsDocument, { first: PAGE_MAX_SIZE, after });
    projects.push(...page.projects.nodes);
    after = page.projects.pageInfo.hasNextPage ? page.projects.pageInfo.endCursor : null;
  } while (after != null);
  await (json ? sayJson(projects) : sayRows(HEADING, projects.map(rowOf)));
}

const rowOf = ({ slug, name, createdAt, logPosition, id }: ListedProject) =>
  [slug, name, second(createdAt), String(logPosition), id].map((text) => cell(text));
