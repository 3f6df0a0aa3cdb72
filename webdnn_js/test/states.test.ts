import { describe, expect, it } from 'vitest';
import { Runner } from '../src/runner';
import { bindSetup, unchangedStates } from '../src/schedule';
import type { Buffer, Expr, Plan } from '../src/plan';
import { fakeBackend, manifestOf, planOf, type Draft, type FakeExecutor, type Script } from './fixture';

const state = (elements: Expr): Draft<Buffer> => ({ kind: 'state', storage: 'float', elements });

/** A model of one placeholder, N, that has the buffers `states` besides its own. */
async function start(states: readonly Draft<Buffer>[], script: Script = {}) {
  const backend = fakeBackend('fallback', script);
  const [manifest, plan] = [manifestOf(true), planOf(true)];
  const first = plan.buffers.push(...states) - states.length;
  const executor = (await backend.create({
    manifest,
    plan,
    setups: bindSetup(plan),
    fetchFile: () => Promise.reject(new Error('no files')),
    options: {},
  })) as FakeExecutor;
  const runner = new Runner({ manifest, plan, backend, executor, fallThrough: [] });
  await runner.finishWeights();
  await runner.settle(undefined);
  executor.calls.length = 0;
  return { runner, executor, first };
}

const fail = (): never => {
  throw new Error('out of luck');
};

describe('states', () => {
  it('are reset when the page asks, once sizes are set', async () => {
    const { runner, executor } = await start([]);
    await expect(runner.resetStates()).rejects.toMatchObject({ code: 'placeholder' });
    const set = runner.setPlaceholderValue({ N: 4 });
    const reset = runner.resetStates(); // waits, as a run does
    await Promise.all([set, reset]);
    const again = runner.resetStates();
    await expect(runner.run()).rejects.toMatchObject({ code: 'busy' });
    await again;
    await runner.run();
    expect(executor.calls).toEqual(['bind', 'resetStates', 'resetStates', 'run']);
  });

  it('are reset before the run that follows a failed one, and not before others', async () => {
    let runs = 0;
    const { runner, executor } = await start([], { run: () => (runs++ ? undefined : fail()) });
    await runner.setPlaceholderValue({ N: 4 });
    await expect(runner.run()).rejects.toThrow('out of luck');
    await runner.run();
    await runner.profile();
    expect(executor.calls).toEqual(['bind', 'run', 'resetStates', 'run', 'run']);
  });

  it('are not used until a reset has succeeded', async () => {
    let resets = 0;
    const { runner, executor } = await start([], { resetStates: () => (resets++ ? undefined : fail()) });
    await runner.setPlaceholderValue({ N: 4 });
    await expect(runner.resetStates()).rejects.toThrow('out of luck');
    await runner.run();
    expect(executor.calls).toEqual(['bind', 'resetStates', 'resetStates', 'run']);
  });

  it('are kept when only other sizes change, unless a run has failed', async () => {
    let failing = false;
    const { runner, executor, first } = await start([state(12), state(['*', 3, 'N'])], {
      run: () => (failing ? fail() : undefined),
    });
    for (const N of [4, 6]) await runner.setPlaceholderValue({ N });
    await runner.run();
    await runner.setPlaceholderValue({ N: 4 });
    failing = true;
    await expect(runner.run()).rejects.toThrow();
    await runner.setPlaceholderValue({ N: 8 });
    const kept = [4, first]; // the fixture's plan has a state of one size
    expect(executor.kept).toEqual([[], kept, kept, []]);
  });

  it('stay where no placeholder in their size changes, even if the product does not', () => {
    const plan = { buffers: [state(['*', 'H', 'W']), state(['*', 'H', 2])] } as unknown as Plan;
    expect(unchangedStates(plan, { H: 2, W: 6, N: 1 }, { H: 3, W: 4, N: 1 })).toEqual([]);
    expect(unchangedStates(plan, { H: 2, W: 6, N: 1 }, { H: 2, W: 4, N: 1 })).toEqual([1]);
    expect(unchangedStates(plan, { H: 2, W: 6, N: 1 }, { H: 2, W: 6, N: 5 })).toEqual([0, 1]);
  });
});
