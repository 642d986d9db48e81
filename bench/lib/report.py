"""The table and the JSON of the measured medians."""


def seconds(value):
    return '–' if value is None else f'{value * 1e3:.1f} ms' if value < 0.1 else f'{value:.2f} s'


def mebibytes(value):
    return f'{value / (1 << 20):.0f} MiB'


def goal_text(goal):
    units = {'wall': seconds, 'cpu': lambda value: seconds(value) + ' CPU', 'rss': mebibytes, 'ratio': lambda value: f'{value}× limit'}
    return ', '.join('≤ ' + units[what](value) for what, value in goal.items())


def met(goal, ours, limit):
    """Whether a median meets its goal; None when that needs a limit that was not measured."""
    if 'ratio' in goal and limit is None:
        return None
    values = {'wall': ours.wall, 'cpu': ours.cpu, 'rss': ours.rss, 'ratio': ours.wall / limit.wall if limit else 0}
    return all(values[what] <= value for what, value in goal.items())


def table(rows, subjects):
    """Markdown. `rows`: (scenario, {subject name: Sample}), where the raw tools are called `limit`."""
    peers = [name for name in subjects if name not in ('builder', 'limit')]
    lines = ['| scenario | goal | met | builder: wall, CPU, peak | limit (raw tools) | ' + ' | '.join(peers) + ' | to the limit | ' +
             ' | '.join('to ' + name for name in peers) + ' |', '|---' * (6 + 2 * len(peers)) + '|']
    for scenario, medians in rows:
        ours, limit = medians['builder'], medians.get('limit')
        cells = [f'`{scenario.name}`: {scenario.text}', goal_text(scenario.goal), {True: 'yes', False: '**no**', None: '–'}[met(scenario.goal, ours, limit)],
                 cost(ours), cost(limit)] + [cost(medians.get(name)) for name in peers]
        cells += [ratio(ours, limit)] + [ratio(ours, medians.get(name)) for name in peers]
        lines.append('| ' + ' | '.join(cells) + ' |')
    for scenario, medians in rows:
        for name in [name for name in medians if name not in subjects]:
            lines.append(f'\n`{scenario.name}`, {name}: {cost(medians[name])}; builder to that {ratio(medians["builder"], medians[name])}')
    return '\n'.join(lines)


def line(scenario, medians):
    """One scenario as a line of text, for whoever waits."""
    return f'{scenario.name}: ' + '; '.join(f'{name} {cost(sample)}' for name, sample in medians.items())


def cost(sample):
    return '–' if sample is None else f'{seconds(sample.wall)}, {seconds(sample.cpu)}, {mebibytes(sample.rss)}'


def ratio(ours, other):
    return '–' if other is None else f'{ours.wall / other.wall:.2f}'


def document(rows, facts):
    return {**facts, 'scenarios': [{'name': scenario.name, 'goal': scenario.goal, 'medians': {name: vars(sample) for name, sample in medians.items()}}
                                   for scenario, medians in rows]}
